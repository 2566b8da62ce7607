package protocols_test

import (
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
)

// keyedCalls is a harmless call of tester at each door whose callers prove
// themselves, and what the door answers to an application that may not.
func keyedCalls() map[string]call {
	return map[string]call{
		"swift":     swiftDoor.call("tester", "HEAD", "docs", ""),
		"dav":       davDoor.call("tester", "PROPFIND", "docs", "", "Depth: 0"),
		"dav v2":    {user: "tester", method: "PROPFIND", path: "/v2/dav/docs/", headers: []string{"Depth: 0"}},
		"duracloud": duraDoor.call("tester", "HEAD", "docs", ""),
		"rpc": {
			method: "POST", path: "/rpc", basic: [2]string{"tester", "testing"}, headers: []string{"Content-Type: application/json"},
			body: `{"jsonrpc":"2.0","id":1,"method":"account.get"}`,
		},
		"depots": {method: "GET", path: "/depots", basic: [2]string{"tester", "testing"}},
	}
}

// TestAKeyIsAKillSwitchAtEveryDoor: a key labels the caller's application; the
// operator ends it by revoking the key, the account by stopping the application,
// and calls without the key never notice.
func TestAKeyIsAKillSwitchAtEveryDoor(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	d.ok(t, swiftDoor.call("tester", "PUT", "docs", ""))
	apps, admin, owner := d.Gateway.Applications, d.Ctx("admin"), d.Ctx("tester")
	if _, err := apps.Create(admin, gateway.NewApplication{ID: "phone"}); err != nil {
		t.Fatal(err)
	}
	key, info, err := apps.IssueKey(admin, "phone", nil)
	if err != nil {
		t.Fatal(err)
	}
	calls := keyedCalls()
	for name, c := range calls {
		if name == "dav v2" {
			token, err := d.token("tester")
			if err != nil {
				t.Fatal(err)
			}
			c.user = ""
			c = c.with("Authorization: Bearer " + token)
			calls[name] = c
		}
	}
	each := func(what, shown string, refused bool) {
		t.Helper()
		for name, c := range calls {
			if shown != "" {
				c = c.with("X-TeraCLOUD-API-KEY: " + shown)
			}
			r := d.answer(t, c)
			if (r.status == 403) != refused || !refused && r.status >= 300 {
				t.Errorf("%s, %s: %d %.200s", name, what, r.status, r.body)
			}
		}
	}
	each("no key", "", false)
	each("a key", key.Reveal(), false)
	each("in lower case", strings.ToLower(key.Reveal()), false)
	each("malformed", "0123", true)
	each("unknown", strings.Repeat("0", 32), true)
	grants, err := apps.Grants(owner, "test")
	if err != nil || len(grants) != 1 || grants[0].Application != "phone" || grants[0].LastUsed.IsZero() {
		t.Errorf("%+v, %v", grants, err)
	}
	if err := apps.Stop(owner, "test", "phone"); err != nil {
		t.Fatal(err)
	}
	each("stopped", key.Reveal(), true)
	each("stopped, without the key", "", false)
	if err := apps.Allow(owner, "test", "phone"); err != nil {
		t.Fatal(err)
	}
	each("allowed again", key.Reveal(), false)
	if _, err := apps.RevokeKey(admin, "phone", info.ID); err != nil {
		t.Fatal(err)
	}
	each("revoked", key.Reveal(), true)
}
