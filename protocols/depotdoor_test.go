package protocols_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway/gatewaytest"
)

// withDepots are the doors whose content depots hold.
func withDepots() []door { return []door{swiftDoor, davDoor, duraDoor} }

// depotCall carries out a command of the depot API, TD, and returns the reply.
func (d *doors) depotCall(t *testing.T, command, elements string) string {
	t.Helper()
	d.Clock.Advance(time.Second) // so that no change is taken for a repeated one
	body := fmt.Sprintf("<teamdrive><command>%s</command><requesttime>%d</requesttime>%s</teamdrive>", command, d.Clock.Now().Unix(), elements)
	return d.want(t, 200, call{method: "POST", path: "/RPC2?checksum=" + auth.DepotChecksum([]byte(body), auth.NewSecret(depotSalt)), body: body}).body
}

// depotDo is depotCall for a command that has to succeed; it returns the text
// of an element of the reply.
func (d *doors) depotDo(t *testing.T, command, elements, element string) string {
	t.Helper()
	reply := d.depotCall(t, command, elements)
	m := regexp.MustCompile("<" + element + ">([^<]*)<").FindStringSubmatch(reply)
	if m == nil {
		t.Fatalf("%s: %s", command, reply)
	}
	return m[1]
}

// ofTester makes elements that name tester and a depot of his.
func ofTester(depot, more string) string {
	return "<username>tester</username><depotid>" + depot + "</depotid>" + more
}

func TestSpaceOfTheDepotAPIIsAContainerEverywhere(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	depot := d.depotDo(t, "createdepot", "<username>tester</username><disclimit>5000</disclimit>", "depotid")
	space := d.depotDo(t, "createspace", ofTester(depot, "<spacename>space</spacename>"), "spaceid")
	for _, in := range withDepots() {
		d.ok(t, in.call("tester", "PUT", "space/"+in.name, in.name))
		for _, out := range withDepots() {
			if got := d.want(t, 200, out.call("tester", "GET", "space/"+in.name, "")); got.body != in.name {
				t.Errorf("written through %s, read through %s: %q", in.name, out.name, got.body)
			}
		}
	}
	if used := d.depotDo(t, "getdepotdata", ofTester(depot, ""), "discused"); used != "17" { // swift, dav, duracloud
		t.Errorf("the depot says that it holds %s bytes", used)
	}

	// What another door makes is a space here.
	d.depotDo(t, "setdepotforuser", ofTester(depot, ""), "intresult")
	d.ok(t, swiftDoor.call("tester", "PUT", "of-swift", ""))
	d.ok(t, davDoor.call("tester", "MKCOL", "of-dav", ""))
	d.ok(t, duraDoor.call("tester", "PUT", "of-dura", ""))
	spaces := d.depotCall(t, "getspacedata", ofTester(depot, ""))
	if n := strings.Count(spaces, "<space>"); n != 4 {
		t.Errorf("%d spaces, want 4: %s", n, spaces)
	}

	d.depotDo(t, "deletespace", ofTester(depot, "<spaceid>"+space+"</spaceid>"), "intresult")
	for _, out := range withDepots() {
		d.want(t, 404, out.call("tester", "GET", "space/swift", ""))
	}
	d.depotDo(t, "deletedepot", ofTester(depot, ""), "intresult")
	d.want(t, 404, swiftDoor.call("tester", "GET", "of-dav", ""))
}

func TestLimitsOfTheDepotAPIBindEveryDoor(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	depot := d.depotDo(t, "createdepot", "<username>tester</username><disclimit>5000</disclimit>", "depotid")
	d.depotDo(t, "createspace", ofTester(depot, "<spacename>c</spacename>"), "spaceid")
	full := map[string]int{"swift": 413, "dav": 507, "duracloud": 507}
	d.ok(t, swiftDoor.call("tester", "PUT", "c/old", noise(600)))
	d.depotDo(t, "setdepot", ofTester(depot, "<disclimit>1000</disclimit>"), "intresult")
	for _, in := range withDepots() {
		d.want(t, full[in.name], in.call("tester", "PUT", "c/new", noise(401)))
		d.want(t, full[in.name], in.call("tester", "PUT", "c/old", noise(1001)))
		d.want(t, 404, in.call("tester", "GET", "c/new", ""))
		if got := d.want(t, 200, in.call("tester", "GET", "c/old", "")); got.body != noise(600) {
			t.Errorf("%s: the old content is %d bytes", in.name, len(got.body))
		}
	}
	for _, in := range withDepots() {
		d.depotDo(t, "increasedepot", ofTester(depot, "<increaselimit>100</increaselimit>"), "intresult")
		d.ok(t, in.call("tester", "PUT", "c/new", noise(450)))
		d.depotDo(t, "decreasedepot", ofTester(depot, "<decreaselimit>100</decreaselimit>"), "intresult")
		d.want(t, full[in.name], in.call("tester", "PUT", "c/more", "x"))
		d.ok(t, in.call("tester", "DELETE", "c/new", ""))
	}
}

func TestDeactivatedDepotIsClosedAtEveryDoor(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	depot := d.depotDo(t, "createdepot", "<username>tester</username><disclimit>5000</disclimit>", "depotid")
	d.depotDo(t, "createspace", ofTester(depot, "<spacename>c</spacename>"), "spaceid")
	d.ok(t, swiftDoor.call("tester", "PUT", "c/o", "text"))
	d.depotDo(t, "deactivatedepot", ofTester(depot, ""), "intresult")
	for _, in := range withDepots() {
		d.want(t, 403, in.call("tester", "GET", "c/o", ""))
		d.want(t, 403, in.call("tester", "PUT", "c/new", "x"))
		d.want(t, 403, in.call("tester", "DELETE", "c/o", ""))
	}
	d.depotDo(t, "activatedepot", ofTester(depot, ""), "intresult")
	for _, in := range withDepots() {
		d.want(t, 200, in.call("tester", "GET", "c/o", ""))
	}
}
