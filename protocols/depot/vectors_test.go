package depot_test

import (
	"path/filepath"
	"strings"
	"testing"

	"entrepot/auth"
)

// requestOf returns the request that a reply of the vectors belongs to, and
// how it is sent. A reply that nothing here knows fails the test.
func requestOf(t *testing.T, dialect, reply string) (body, query, address string) {
	t.Helper()
	address = listed
	sign := func(text string) (string, string, string) { return text, signed([]byte(text)), address }
	file := func(name string) (string, string, string) {
		return string(vector(t, name+".xml")), "checksum=" + string(vector(t, name+".md5")), address
	}
	write := func(q request) (string, string, string) { return sign(q.dialects(clock)[dialect]) }
	read := map[string]string{"td": "td-getdepotdata", "std": "std-getdepotdata-go"}[dialect]
	switch reply {
	case "ok":
		return file(map[string]string{"td": "td-setdepot-pretty", "std": "std-setdepot-go-bigint"}[dialect])
	case "getdepotdata":
		return file(read)
	case "getspacedata":
		return write(req("getspacedata", "username", owner))
	case "getdepotdocument":
		return write(on17("getdepotdocument"))
	case "deactivatedepot":
		return write(on17("deactivatedepot"))
	case "listmethods":
		return file("std-listmethods-python")
	case "multicall":
		return file("std-multicall-go")
	case "30000":
		body, query, _ = file(read)
		return body, query, "203.0.113.1"
	case "30001":
		return write(req("nosuchcommand"))
	case "30002-checksum":
		body, _, address = file(read)
		return body, "checksum=" + strings.Repeat("0", 32), address
	case "30002-duplicate":
		return file("td-bad-duplicate")
	case "30003-doctype":
		return file("td-bad-doctype")
	case "30003-tworoots":
		return file("td-bad-tworoots")
	case "30301":
		return write(req("getdepotdata", "username", "nobody"))
	case "30302":
		return write(req("deletedepot", "username", owner, "depotid", "99"))
	case "30304":
		return write(on17("setdepot", "disclimit", "none"))
	}
	t.Fatalf("no request is known for the reply %s of %s", reply, dialect)
	return "", "", ""
}

func TestEveryReplyOfTheVectorsIsReplayed(t *testing.T) {
	files, err := filepath.Glob("testdata/vectors/reply-*.xml")
	if err != nil || len(files) != 24 {
		t.Fatalf("%d replies, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "reply-"), ".xml")
		dialect, reply, _ := strings.Cut(name, "-")
		body, query, address := requestOf(t, dialect, reply)
		got := newRig(t, withDocuments(t)).send([]byte(body), query, from(address)).Body.String()
		if want := string(vector(t, filepath.Base(file))); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestEveryRequestOfTheVectorsIsProvenAndUnderstood(t *testing.T) {
	files, err := filepath.Glob("testdata/vectors/[ts]*d-*.xml")
	if err != nil || len(files) != 14 {
		t.Fatalf("%d requests, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".xml")
		body := vector(t, name+".xml")
		if got := auth.DepotChecksum(body, auth.NewSecret(salt)); got != string(vector(t, name+".md5")) {
			t.Errorf("%s: checksum %s", name, got)
		}
		if got := auth.DepotHMAC(body, auth.NewSecret(salt)); got != string(vector(t, name+".hmac")) {
			t.Errorf("%s: HMAC %s", name, got)
		}
		dialect, _, _ := strings.Cut(name, "-")
		got := parse(dialect, newRig(t, withDocuments(t)).send(body, "checksum="+string(vector(t, name+".md5")), nil).Body.String())
		if bad := strings.Contains(name, "-bad-"); bad != (got.code != 0) && name != "std-multicall-go" { // which holds a fault
			t.Errorf("%s: %s", name, got.text)
		}
	}
}
