package depot_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kolo/xmlrpc"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

// signer signs what an XML-RPC client sends, and comes from the listed address.
type signer struct{ handler http.Handler }

func (s signer) RoundTrip(q *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return nil, err
	}
	r := httptest.NewRequest(q.Method, q.URL.Path+"?checksum="+auth.DepotChecksum(body, auth.NewSecret(salt)), bytes.NewReader(body))
	from(listed)(r)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// client is kolo/xmlrpc against a face.
func client(t *testing.T, r *rig) *xmlrpc.Client {
	t.Helper()
	c, err := xmlrpc.NewClient("http://depot.example/RPC2", signer{r.handler})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

type args map[string]any

// at adds the time that every command needs.
func at(a args) args {
	a["requesttime"] = int64(clock)
	return a
}

func TestAnXMLRPCLibraryCanAdministerDepots(t *testing.T) {
	r := newRig(t, nil)
	c := client(t, r)
	var made struct {
		ID string `xmlrpc:"depotid"`
	}
	if err := c.Call("depot.createdepot", at(args{"username": "carol", "disclimit": 1 << 40, "userlist": []string{"dave", "erin"}}), &made); err != nil || made.ID != "18" {
		t.Fatalf("createdepot: %+v, %v", made, err)
	}
	var data struct {
		Depots []struct {
			Owner string   `xmlrpc:"owner"`
			Limit int64    `xmlrpc:"disclimit"`
			Users []string `xmlrpc:"userlist"`
		} `xmlrpc:"depotdata"`
	}
	if err := c.Call("depot.getdepotdata", at(args{"username": "carol"}), &data); err != nil {
		t.Fatal(err)
	}
	if d := data.Depots; len(d) != 1 || d[0].Owner != "carol" || d[0].Limit != 1<<40 || fmt.Sprint(d[0].Users) != "[dave erin]" {
		t.Errorf("getdepotdata: %+v", d)
	}
	err := c.Call("deletedepot", at(args{"username": "nobody", "depotid": 18}), nil)
	if err == nil || !strings.Contains(err.Error(), "-30301") || !strings.Contains(err.Error(), "No Depot for User") {
		t.Errorf("a fault arrives as %v", err)
	}
}

func TestIntrospection(t *testing.T) {
	c := client(t, newRig(t, nil))
	var methods []string
	if err := c.Call("system.listMethods", nil, &methods); err != nil {
		t.Fatal(err)
	}
	if len(methods) != 26 || methods[0] != "depot.activatedepot" {
		t.Errorf("methods %v", methods)
	}
	for _, name := range methods {
		var help string
		var signatures [][]string
		if err := c.Call("system.methodHelp", name, &help); err != nil || help == "" {
			t.Errorf("help of %s: %q, %v", name, help, err)
		}
		if err := c.Call("system.methodSignature", name, &signatures); err != nil || len(signatures) != 1 || len(signatures[0]) == 0 {
			t.Errorf("signature of %s: %v, %v", name, signatures, err)
		}
		if strings.HasPrefix(name, "depot.") && fmt.Sprint(signatures) != "[[struct struct]]" {
			t.Errorf("signature of %s: %v", name, signatures)
		}
	}
	if err := c.Call("system.methodHelp", "depot.nothing", nil); err == nil || !strings.Contains(err.Error(), "-30001") {
		t.Errorf("help of an unknown method: %v", err)
	}
	var caps map[string]struct {
		URL     string `xmlrpc:"specUrl"`
		Version int    `xmlrpc:"specVersion"`
	}
	if err := c.Call("system.getCapabilities", nil, &caps); err != nil || caps["xmlrpc"].URL != "http://www.xmlrpc.com/spec" || caps["introspect"].Version != 1 {
		t.Errorf("capabilities %v, %v", caps, err)
	}
	if err := c.Call("system.listMethods", "x", nil); err == nil || !strings.Contains(err.Error(), "Invalid Request (6)") {
		t.Errorf("listMethods with a parameter: %v", err)
	}
	r := newRig(t, nil)
	if got := r.call(string(vector(t, "std-listmethods-python.xml"))); !strings.Contains(got, "<string>system.multicall</string>") {
		t.Errorf("as Python asks: %s", got)
	}
	if got := r.call("<teamdrive><command>system.listMethods</command></teamdrive>"); !strings.Contains(got, "-30001") {
		t.Errorf("introspection in TD: %s", got)
	}
}

// multi makes a system.multicall of the calls.
func multi(calls ...string) string {
	return `<methodCall><methodName>system.multicall</methodName><params><param><value><array><data>` +
		strings.Join(calls, "") + `</data></array></value></param></params></methodCall>`
}

// inMulti makes one call of a multicall.
func inMulti(name string, members ...string) string {
	return `<value><struct><member><name>methodName</name><value>` + name + `</value></member><member><name>params</name><value><array><data>` +
		`<value><struct><member><name>requesttime</name><value><int>1420070400</int></value></member>` + strings.Join(members, "") +
		`</struct></value></data></array></value></member></struct></value>`
}

func text(name, value string) string {
	return "<member><name>" + name + "</name><value>" + value + "</value></member>"
}

func TestMulticallPerformsEachCallOnItsOwn(t *testing.T) {
	r := newRig(t, nil)
	set := func(limit string) string {
		return inMulti("depot.setdepot", text("username", "YourUserName"), text("depotid", "17"), text("disclimit", limit))
	}
	body := multi(set("5"), set("x"), inMulti("system.multicall"), set("7"))
	got := r.call(body)
	if d := r.depot(17); d.StorageLimit != 7 {
		t.Errorf("the limit is %d, want that of the last call", d.StorageLimit)
	}
	for part, times := range map[string]int{"<name>intresult</name>": 2, "<int>-30304</int>": 1, "Invalid Request (6)": 1} {
		if strings.Count(got, part) != times {
			t.Errorf("%s is not %d times in %s", part, times, got)
		}
	}
	if again := r.call(body); strings.Count(again, "Invalid Request (5)") != 2 || strings.Contains(again, "intresult") {
		t.Errorf("the same body again: %s", again)
	}
	r.engine.fail = errs.New("x", errs.Unavailable, "", "")
	if got := r.call(multi(set("9"))); !strings.Contains(got, "<int>-20000</int>") {
		t.Errorf("a busy gateway in a multicall: %s", got)
	}
	if got := r.call(multi(strings.Repeat("<value/>", 101))); !strings.Contains(got, "Invalid Request (10)") {
		t.Errorf("101 calls: %s", got)
	}
}

func TestXMLRPCWantsOneStruct(t *testing.T) {
	for params, want := range map[string]string{
		"":                                "Invalid Request (6)",
		"<param><value>x</value></param>": "Invalid Request (6)",
	} {
		got := newRig(t, nil).call("<methodCall><methodName>depot.getdepotdata</methodName><params>" + params + "</params></methodCall>")
		if !strings.Contains(got, want) {
			t.Errorf("params %q: %s", params, got)
		}
	}
	if got := newRig(t, nil).call("<methodCall><methodName>depot.x</methodName></methodCall>"); !strings.Contains(got, "Invalid Command") {
		t.Errorf("an unknown method with no params: %s", got)
	}
}
