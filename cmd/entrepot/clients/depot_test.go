package clients_test

import (
	"encoding/xml"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// depotReply is an answer of the depot API, as far as the tests look at it.
type depotReply struct {
	Exception struct {
		Primary   string `xml:"primarycode"`
		Secondary string `xml:"secondarycode"`
		Message   string `xml:"message"`
	} `xml:"exception"`
	Depot  []depotRow `xml:"depotdata>depot"`
	Space  []spaceRow `xml:"spacedata>space"`
	ID     string     `xml:"depotid"`
	Result string     `xml:"intresult"`
}

type depotRow struct {
	ID    string `xml:"depotid"`
	Used  int64  `xml:"discused"`
	Limit int64  `xml:"disclimit"`
}

type spaceRow struct {
	Depot string `xml:"depotid"`
	Used  int64  `xml:"discused"`
}

// depot runs the shell script of testdata against the gateway.
func (s *server) depot(t *testing.T, cmd, elements string, env ...string) depotReply {
	t.Helper()
	need(t, "curl", "curl")
	need(t, "md5sum", "coreutils")
	printed := command{args: []string{"sh", "testdata/depot.sh", cmd, elements}, env: append([]string{
		"SALT=" + s.salt(), "URL=" + s.url + "/pbas/p1_as/api/api.htm",
	}, env...)}.must(t)
	var reply depotReply
	if err := xml.Unmarshal([]byte(printed), &reply); err != nil {
		t.Fatalf("depot %s: %v in %q", cmd, err, printed)
	}
	return reply
}

// createDepot makes a depot for a user, who is made with it, and returns its
// number.
func (s *server) createDepot(t *testing.T, user string, limit int) string {
	t.Helper()
	reply := s.depot(t, "createdepot", "<username>"+user+"</username><disclimit>"+strconv.Itoa(limit)+"</disclimit>")
	if reply.ID == "" || reply.Exception.Primary != "" {
		t.Fatalf("createdepot: %+v", reply)
	}
	return reply.ID
}

func TestShellScriptAdministersDepots(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	id := s.createDepot(t, "erika", 5<<20)
	s.entrepot("erika's\n", "user", "passwd", "erika", "--password-file", "-")
	erika := login{"erika", "erika's"}
	s.expect(201, erika, "MKCOL", "/dav/space/", "")
	s.expect(201, erika, "PUT", "/dav/space/a.bin", string(content(1, 1<<20)))

	user := "<username>erika</username>"
	got := s.depot(t, "getdepotdata", user)
	if len(got.Depot) != 1 || got.Depot[0].ID != id || got.Depot[0].Limit != 5<<20 || got.Depot[0].Used < 1<<20 {
		t.Errorf("getdepotdata: %+v", got)
	}
	spaces := s.depot(t, "getspacedata", user)
	if len(spaces.Space) != 1 || spaces.Space[0].Depot != id || spaces.Space[0].Used < 1<<20 {
		t.Errorf("getspacedata: %+v", spaces)
	}
	set := s.depot(t, "setdepot", user+"<depotid>"+id+"</depotid><disclimit>9000000</disclimit>")
	if set.Result != "0" {
		t.Errorf("setdepot: %+v", set)
	}
	if got := s.depot(t, "getdepotdata", user); got.Depot[0].Limit != 9000000 {
		t.Errorf("after setdepot: %+v", got)
	}
	if gone := s.depot(t, "deletedepot", user+"<depotid>"+id+"</depotid>"); gone.Result != "0" {
		t.Errorf("deletedepot: %+v", gone)
	}
	if after := s.depot(t, "getdepotdata", user); after.Exception.Primary != "-30301" {
		t.Errorf("after deletedepot: %+v", after)
	}
	s.expect(404, erika, "GET", "/dav/space/a.bin", "")
}

func TestDepotRefusesWrongProofs(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	user := "<username>admin</username>"
	ok := s.depot(t, "getdepotdata", user)
	if ok.Exception.Primary != "" && ok.Exception.Primary != "-30301" {
		t.Fatalf("a right request: %+v", ok)
	}
	for what, env := range map[string]string{
		"wrong checksum":   "CHECKSUM=00000000000000000000000000000000",
		"wrong salt":       "SALT=not this one",
		"old requesttime":  "TIMESTAMP=" + strconv.FormatInt(time.Now().Unix()-301, 10),
		"late requesttime": "TIMESTAMP=" + strconv.FormatInt(time.Now().Unix()+400, 10),
		"no requesttime":   "TIMESTAMP= ",
	} {
		if got := s.depot(t, "getdepotdata", user, env); got.Exception.Primary != "-30002" {
			t.Errorf("%s: %+v", what, got)
		}
	}
	if got := s.depot(t, "nosuchcommand", user); got.Exception.Primary != "-30001" {
		t.Errorf("unknown command: %+v", got)
	}
	if got := s.depot(t, "getdepotdata", "<username>&lol;</username>"); got.Exception.Primary != "-30003" {
		t.Errorf("undeclared entity: %+v", got)
	}
}

func TestDepotRefusesForeignAddress(t *testing.T) {
	t.Parallel()
	s := start(t, setting{env: []string{"ENTREPOT_DEPOT_ALLOW=10.9.8.7"}})
	if got := s.depot(t, "getdepotdata", "<username>admin</username>"); got.Exception.Primary != "-30000" {
		t.Errorf("call from an address that is not listed: %+v", got)
	}
}

// The page for people shows the same script that these tests run.
func TestDepotScriptIsTheDocumentedOne(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("testdata/depot.sh")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../../docs/depot-api.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{
		`printf '%s' "\$REQUEST\$SALT" \| md5sum \| cut -c1-32`,
		`--data-binary "\$REQUEST" "\$URL\?checksum=\$CHECKSUM"`,
		`<\?xml version='1.0' encoding='UTF-8' \?><teamdrive><apiversion>3\.0\.003</apiversion><command>`,
	} {
		re := regexp.MustCompile(pattern)
		if !re.Match(script) || !re.Match(page) {
			t.Errorf("%s is not in both the script and docs/depot-api.md", strings.ReplaceAll(pattern, `\`, ""))
		}
	}
}
