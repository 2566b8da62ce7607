package protocols_test

import "testing"

// TestAccountListsCountOnTheDriveToo: who writes by the account's list makes
// and removes first-level folders at the WebDAV door as containers at Swift's.
func TestAccountListsCountOnTheDriveToo(t *testing.T) {
	d := aclDoors(t)
	steps := []struct {
		name string
		call call
		// statuses of the grades: none, read-only, read-write, admin
		want [4]int
	}{
		{"look", davDoor.call("tester3", "PROPFIND", "box", "", "Depth: 1"), [4]int{403, 207, 207, 207}},
		{"make", davDoor.call("tester3", "MKCOL", "made", ""), [4]int{403, 403, 201, 201}},
		{"make again", davDoor.call("tester3", "MKCOL", "made", ""), [4]int{403, 403, 405, 405}},
		{"write", davDoor.call("tester3", "PUT", "box/theirs", "x"), [4]int{403, 403, 201, 204}},
		{"remove", davDoor.call("tester3", "DELETE", "made", ""), [4]int{403, 404, 204, 204}},
	}
	for grade, text := range []string{"", `{"read-only":["test:tester3"]}`, `{"read-write":["test:tester3"]}`, `{"admin":["test:tester3"]}`} {
		d.want(t, 204, account("tester", "POST", "X-Account-Access-Control: "+text))
		for _, s := range steps {
			if r := d.answer(t, s.call); r.status != s.want[grade] {
				t.Errorf("%s with %q: %d, want %d: %.200s", s.name, text, r.status, s.want[grade], r.body)
			}
		}
	}
}
