package depot_test

import (
	"encoding/xml"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/protocols/depot"
)

// A request of a command, in whatever dialect. Its parameters stand in pairs.
type request struct {
	command string
	params  []string
}

func req(command string, params ...string) request { return request{command, params} }

// escaped is text as XML holds it.
func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

// dialects returns the request in both dialects at a time.
func (q request) dialects(at int64) map[string]string {
	now := strconv.FormatInt(at, 10)
	td := "<teamdrive><command>" + q.command + "</command><requesttime>" + now + "</requesttime>"
	std := "<methodCall><methodName>depot." + q.command + "</methodName><params><param><value><struct>" +
		"<member><name>requesttime</name><value><int>" + now + "</int></value></member>"
	for i := 0; i < len(q.params); i += 2 {
		name, value := q.params[i], escaped(q.params[i+1])
		td += "<" + name + ">" + value + "</" + name + ">"
		std += "<member><name>" + name + "</name><value><string>" + value + "</string></value></member>"
	}
	return map[string]string{"td": td + "</teamdrive>", "std": std + "</struct></value></param></params></methodCall>"}
}

// answer is what both dialects say alike.
type answer struct {
	result          bool // intresult is 0
	code, secondary int
	members         map[string]string // the members outside of lists
	text            string            // the whole reply
}

var (
	faultTD  = regexp.MustCompile(`<primarycode>(-\d+)</primarycode><secondarycode>(\d*)</secondarycode>`)
	faultSTD = regexp.MustCompile(`<name>faultCode</name><value><int>(-\d+)</int></value></member><member><name>faultString</name><value><string>[^(<]*(?:\((\d+)\))?`)
	memberTD = regexp.MustCompile(`<([a-z]+)>([^<]*)</[a-z]+>`)
	memberSD = regexp.MustCompile(`<name>([a-z]+)</name><value><[a-z0-9.]+>([^<]*)</`)
)

func parse(dialect, text string) answer {
	a := answer{text: text, members: map[string]string{}}
	fault, member := faultTD, memberTD
	if dialect == "std" {
		fault, member = faultSTD, memberSD
	}
	if m := fault.FindStringSubmatch(text); m != nil {
		a.code, _ = strconv.Atoi(m[1])
		a.secondary, _ = strconv.Atoi(m[2]) // 0 for none
		return a
	}
	for _, m := range member.FindAllStringSubmatch(text, -1) {
		if a.members[m[1]] == "" {
			a.members[m[1]] = m[2]
		}
	}
	a.result = a.members["intresult"] == "0"
	return a
}

// inBoth runs a scenario once in each dialect, each on a gateway of its own.
func inBoth(t *testing.T, core gateway.Config, scenario func(t *testing.T, r *rig, do func(q request) answer)) {
	t.Helper()
	for _, dialect := range []string{"td", "std"} {
		t.Run(dialect, func(t *testing.T) {
			r := newRigWith(t, core, withDocuments(t))
			scenario(t, r, func(q request) answer {
				r.seconds++ // so that no request is taken for a repetition
				return parse(dialect, r.call(q.dialects(r.seconds)[dialect]))
			})
		})
	}
}

const owner = "YourUserName"

// on makes a request about the vectors' depot.
func on17(command string, params ...string) request {
	return req(command, append([]string{"username", owner, "depotid", "17"}, params...)...)
}

func TestRemainingVectorsAreAnsweredByteForByte(t *testing.T) {
	document := withDocuments(t)
	adduser := string(vector(t, "std-adduser-python.xml"))
	r := newRig(t, document)
	got := parse("std", r.send([]byte(adduser), "checksum="+string(vector(t, "std-adduser-python.md5")), nil).Body.String())
	if !got.result || got.members["depotdocument"] != string(vector(t, "depotdocument.b64")) {
		t.Errorf("addusertodepot: %s", got.text)
	}
	if users := r.depot(17).Users; !slices.Equal(users, []string{"alice", "bob", "Jörg & Co"}) {
		t.Errorf("users %q", users)
	}
	r = newRig(t, document)
	r.call(string(vector(t, "td-increasedepot-crlf-utf8.xml")))
	if d, last := r.depot(17), r.history(); d.StorageLimit != 6442450944 || d.TrafficLimit != 64424509440 || last.Note != "Größe & Preis: +1 GiB, 3 €" {
		t.Errorf("after increasedepot: %+v, %+v", d, last)
	}
	for _, c := range []struct {
		reply string
		q     request
	}{
		{"getdepotdocument", on17("getdepotdocument")},
		{"30302", req("getspacedata", "username", owner, "depotid", "18")},
		{"30304", on17("increasedepot", "increaselimit", "0")},
		{"deactivatedepot", on17("deactivatedepot")},
		{"ok", on17("setdepot", "disclimit", "5")},
		{"getspacedata", req("getspacedata", "username", owner)},
		{"getdepotdata", req("getdepotdata", "username", owner)},
		{"30301", req("getdepotdata", "username", "nobody")},
	} {
		for dialect, body := range c.q.dialects(clock) {
			name := "reply-" + dialect + "-" + c.reply + ".xml"
			if dialect == "std" && (c.reply == "30302" || c.reply == "30304" || c.reply == "deactivatedepot") {
				continue // there is no such vector
			}
			if got, want := newRig(t, document).call(body), string(vector(t, name)); got != want {
				t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
			}
		}
	}
}

func TestLimitsCanBeRaisedAndLowered(t *testing.T) {
	inBoth(t, gateway.Config{}, func(t *testing.T, r *rig, do func(request) answer) {
		const gib, limit = 1 << 30, 5 << 30
		for _, c := range []struct {
			q                request
			storage, traffic int64
			code             int
		}{
			{on17("increasedepot", "increaselimit", "1073741824"), limit + gib, 10 * (limit + gib), 0},
			{on17("increasedepot", "increaselimit", "1", "trafficlimit", "77"), limit + gib + 1, 77, 0},
			{on17("decreasedepot", "decreaselimit", "1073741825", "changeid", "less"), limit, 10 * limit, 0},
			{on17("decreasedepot", "decreaselimit", "5368709120"), limit, 10 * limit, -30305},
			{on17("decreasedepot", "decreaselimit", "0"), limit, 10 * limit, -30305},
			{on17("decreasedepot"), limit, 10 * limit, -30305},
			{on17("decreasedepot", "decreaselimit", "5", "trafficlimit", "x"), limit, 10 * limit, -30305},
			{on17("increasedepot", "increaselimit", "9223372036854775807"), limit, 10 * limit, -30304},
			{on17("increasedepot", "increaselimit", "+5"), limit, 10 * limit, -30304},
			{on17("increasedepot", "increaselimit", "5", "trafficlimit", "0"), limit, 10 * limit, -30304},
			{on17("decreasedepot", "decreaselimit", "5368709119"), 1, 10, 0}, // below what is stored
			{on17("setdepot", "disclimit", "9223372036854775807"), 1<<63 - 1, 1<<63 - 1, 0},
		} {
			if got := do(c.q); got.code != c.code || got.result != (c.code == 0) {
				t.Errorf("%v: %s", c.q, got.text)
			}
			if d := r.depot(17); d.StorageLimit != c.storage || d.TrafficLimit != c.traffic {
				t.Errorf("%v: limits %d and %d", c.q, d.StorageLimit, d.TrafficLimit)
			}
		}
	})
}

func TestHistoryShowsEveryChange(t *testing.T) {
	inBoth(t, gateway.Config{}, func(t *testing.T, r *rig, do func(request) answer) {
		for _, q := range []request{
			on17("setdepot", "disclimit", "1000", "changeid", "order <4711>"), on17("increasedepot", "increaselimit", "1"),
			on17("decreasedepot", "decreaselimit", "1"), on17("updatecontract", "contractnumber", "C-2"), on17("deactivatedepot"),
			on17("deactivatedepot"), on17("activatedepot"), on17("addusertodepot", "userlist", "carl"),
			on17("deleteuserfromdepot", "userlist", "carl"), on17("deletespace", "spaceid", "41"),
		} {
			if got := do(q); !got.result {
				t.Errorf("%v: %s", q, got.text)
			}
		}
		all := do(on17("getdepothistory"))
		commands := regexp.MustCompile(`[a-z]+(?:depot|contract|space)\b`).FindAllString(all.text, -1)
		want := []string{"deletespace", "deleteuserfromdepot", "addusertodepot", "activatedepot", "deactivatedepot",
			"updatecontract", "decreasedepot", "increasedepot", "setdepot"}
		if !slices.Equal(commands, want) {
			t.Errorf("history %q", commands)
		}
		for _, part := range []string{"5368709120", "order &lt;4711&gt;"} {
			if !strings.Contains(all.text, part) {
				t.Errorf("%s lacks %s", all.text, part)
			}
		}
		one := do(on17("getdepothistory", "limit", "1"))
		if one.members["command"] != "deletespace" || strings.Contains(one.text, "activatedepot") || one.members["seq"] != "9" {
			t.Errorf("the last change: %s", one.text)
		}
		for _, limit := range []string{"0", "1001", "x"} {
			if got := do(on17("getdepothistory", "limit", limit)); got.code != -30002 || got.secondary != 9 {
				t.Errorf("limit %s: %s", limit, got.text)
			}
		}
	})
}

func TestDeactivatedDepotShowsItsStateAndEndsItsDocuments(t *testing.T) {
	inBoth(t, gateway.Config{}, func(t *testing.T, r *rig, do func(request) answer) {
		before := do(on17("getdepotdocument"))
		off := do(on17("deactivatedepot"))
		if !off.result || off.members["apiversion"] != "1.0.004" {
			t.Errorf("deactivatedepot: %s", off.text)
		}
		if got := do(req("getdepotdata", "username", owner)); got.members["status"] != "deactivated" {
			t.Errorf("state: %s", got.text)
		}
		if got := do(req("getspacedata", "username", owner)); got.members["status"] != "deactivated" {
			t.Errorf("state of the spaces: %s", got.text)
		}
		if got := do(on17("createspace", "spacename", "new")); got.code != -30302 {
			t.Errorf("a space in it: %s", got.text)
		}
		if on := do(on17("activatedepot")); !on.result || on.members["apiversion"] != "3.0.003" {
			t.Errorf("activatedepot: %s", on.text)
		}
		after := do(on17("getdepotdocument"))
		if before.members["depotdocument"] == after.members["depotdocument"] {
			t.Error("the document is the old one")
		}
		if got := do(req("sendinvitation", "userlist", "tester", "depotdocument", before.members["depotdocument"])); got.code != -30302 {
			t.Errorf("inviting with the old document: %s", got.text)
		}
		if got := do(on17("getdepotdocument")); got.members["depotdocument"] != after.members["depotdocument"] {
			t.Error("asking again gives another document")
		}
	})
}

func TestUsersOfADepot(t *testing.T) {
	inBoth(t, gateway.Config{}, func(t *testing.T, r *rig, do func(request) answer) {
		added := do(on17("addusertodepot", "userlist", " zoe,ALICE,, yourusername,zoe "))
		if !added.result || added.members["depotdocument"] == "" {
			t.Errorf("addusertodepot: %s", added.text)
		}
		if users := r.depot(17).Users; !slices.Equal(users, []string{"alice", "bob", "zoe"}) {
			t.Errorf("users %q", users)
		}
		if got := do(req("getdepotdocument", "username", "Zoe", "depotid", "17")); got.members["depotdocument"] != added.members["depotdocument"] {
			t.Errorf("the document for an authorised user: %s", got.text)
		}
		if got := do(on17("deleteuserfromdepot", "userlist", "zoe,nobody")); !got.result {
			t.Errorf("deleteuserfromdepot: %s", got.text)
		}
		if users := r.depot(17).Users; !slices.Equal(users, []string{"alice", "bob"}) {
			t.Errorf("users %q", users)
		}
		if got := do(req("getdepotdocument", "username", "zoe", "depotid", "17")); got.code != -30301 {
			t.Errorf("the document for a user who was removed: %s", got.text)
		}
		for _, command := range []string{"addusertodepot", "deleteuserfromdepot"} {
			if got := do(on17(command, "userlist", " , ")); got.code != -30002 || got.secondary != 8 {
				t.Errorf("%s without users: %s", command, got.text)
			}
		}
		if got := do(on17("addusertodepot", "userlist", "a/b")); got.code != -30002 || got.secondary != 9 {
			t.Errorf("a name that cannot be: %s", got.text)
		}
		list := make([]string, 999)
		for i := range list {
			list[i] = "u" + strconv.Itoa(i)
		}
		if got := do(on17("addusertodepot", "users", strings.Join(list, ","))); got.code != -30002 || got.secondary != 10 {
			t.Errorf("1,001 users: %s", got.text)
		}
	})
}

func TestContractNumberNeedsNoUser(t *testing.T) {
	inBoth(t, gateway.Config{}, func(t *testing.T, r *rig, do func(request) answer) {
		for _, c := range []struct {
			q        request
			code     int
			contract string
		}{
			{req("updatecontract", "depotid", "17", "contactnumber", "C-2"), 0, "C-2"},
			{on17("updatecontract"), 0, ""},
			{req("updatecontract", "username", "tester", "depotid", "17", "contract", "C-3"), -30302, ""},
			{req("updatecontract", "username", "nobody", "depotid", "17", "contract", "C-3"), -30302, ""},
			{req("updatecontract", "depotid", "99", "contract", "C-3"), -30302, ""},
			{req("updatecontract", "depotid", "17", "contract", strings.Repeat("ü", 129)), -30002, ""},
			{req("updatecontract", "depotid", "17", "contract", strings.Repeat("ü", 128)), 0, strings.Repeat("ü", 128)},
		} {
			if got := do(c.q); got.code != c.code {
				t.Errorf("%v: %s", c.q, got.text)
			}
			if d := r.depot(17); d.Contract != c.contract {
				t.Errorf("%v: contract %q", c.q, d.Contract)
			}
		}
	})
}

func TestDepotWithoutUserIsAssigned(t *testing.T) {
	inBoth(t, gateway.Config{}, func(t *testing.T, r *rig, do func(request) answer) {
		made := do(req("createdepotwithoutuser", "disclimit", "5000", "contractnumber", "C-9"))
		id := made.members["depotid"]
		if id != "18" || made.members["depotdocument"] != "" {
			t.Fatalf("createdepotwithoutuser: %s", made.text)
		}
		for _, q := range []request{
			req("createspace", "username", owner, "depotid", id, "spacename", "x"), on17("deletedepot", "x", ""),
		} {
			q.params[3] = id
			if got := do(q); got.code != -30302 {
				t.Errorf("%v: %s", q, got.text)
			}
		}
		give := req("assignusertodepot", "username", "Newton", "depotid", id)
		for range 2 {
			if got := do(give); !got.result {
				t.Errorf("assignusertodepot: %s", got.text)
			}
		}
		if d := r.depotOf("newton", 18); d.Owner != "Newton" || d.Account != "Newton" || d.StorageLimit != 5000 || d.Contract != "C-9" {
			t.Errorf("assigned %+v", d)
		}
		if got := do(req("assignusertodepot", "username", owner, "depotid", id)); got.code != -30302 {
			t.Errorf("given to another: %s", got.text)
		}
		if got := do(req("createspace", "username", "newton", "depotid", id, "spacename", "x")); got.members["spaceid"] == "" {
			t.Errorf("a space in it: %s", got.text)
		}
		if got := do(req("createdepotwithoutuser", "disclimit", "5", "depotid", "17")); got.code != -30302 {
			t.Errorf("an old number: %s", got.text)
		}
		if got := do(req("createdepotwithoutuser", "disclimit", "-5")); got.code != -30306 {
			t.Errorf("a bad limit: %s", got.text)
		}
		check(t, r)
	})
}

func TestUsersAreMadeOnDemandOnlyWhereThatIsAllowed(t *testing.T) {
	inBoth(t, gateway.Config{NoDepotUsers: true}, func(t *testing.T, r *rig, do func(request) answer) {
		if got := do(req("createdepot", "username", "newton", "disclimit", "5")); got.code != -30100 {
			t.Errorf("createdepot: %s", got.text)
		}
		made := do(req("createdepotwithoutuser", "disclimit", "5000"))
		if got := do(req("assignusertodepot", "username", "newton", "depotid", made.members["depotid"])); got.code != -30301 {
			t.Errorf("assignusertodepot: %s", got.text)
		}
	})
}

func TestSpacesAreMadeAndDeleted(t *testing.T) {
	inBoth(t, gateway.Config{}, func(t *testing.T, r *rig, do func(request) answer) {
		made := do(req("createspace", "username", "alice", "depotid", "17", "spacename", " Grüße & more "))
		id := made.members["spaceid"]
		if id == "" {
			t.Fatalf("createspace by an authorised user: %s", made.text)
		}
		spaces, err := r.f.Gateway.Depots.Spaces(r.f.Operator(), owner, 17)
		if err != nil || !slices.ContainsFunc(spaces, func(s gateway.Space) bool { return s.Name == "Grüße & more" && s.Owner == "alice" }) {
			t.Errorf("spaces %+v, %v", spaces, err)
		}
		for _, c := range []struct {
			q               request
			code, secondary int
		}{
			{on17("createspace", "spacename", "one"), -30303, 0},
			{on17("createspace"), -30002, 8},
			{on17("createspace", "spacename", "a/b"), -30002, 9},
			{on17("createspace", "spacename", ".zfs"), -30002, 9},
			{on17("createspace", "spacename", strings.Repeat("n", 257)), -30002, 10},
			{req("createspace", "username", "tester", "depotid", "17", "spacename", "x"), -30302, 0},
			{req("createspace", "username", "nobody", "depotid", "17", "spacename", "x"), -30301, 0},
			{on17("deletespace"), -30002, 8},
			{on17("deletespace", "spaceid", "41,x"), -30002, 9},
			{on17("deletespace", "spaceid", "41,99"), -30303, 0},
			{req("deletespace", "username", "alice", "depotid", "17", "spaceid", "41"), -30301, 0},
			{req("deletespace", "username", "tester", "depotid", "17", "spaceid", "41"), -30302, 0},
		} {
			if got := do(c.q); got.code != c.code || got.secondary != c.secondary {
				t.Errorf("%v: %s", c.q, got.text)
			}
		}
		if d := r.depot(17); d.StorageUsed != 1048576 {
			t.Errorf("used %d after refusals", d.StorageUsed)
		}
		if got := do(on17("deletespace", "spaceids", "42, "+id+",42")); !got.result {
			t.Errorf("deletespace: %s", got.text)
		}
		if d := r.depot(17); d.StorageUsed != 786432 {
			t.Errorf("used %d with one space left", d.StorageUsed)
		}
		if got := do(req("getspacedata", "username", owner)); strings.Count(got.text, "<name>spaceid</name>")+strings.Count(got.text, "<spaceid>") != 1 {
			t.Errorf("getspacedata: %s", got.text)
		}
	})
}

func TestHostForDepot(t *testing.T) {
	elsewhere := func(c *depot.Config) {
		allow, err := auth.ParseNetworks([]string{"198.51.100.0/24"})
		if err != nil {
			t.Fatal(err)
		}
		c.Documents = documents(t)
		c.Hosts = []depot.Host{{Location: "US", URL: "https://us.example/"}, {Addresses: allow, URL: "https://test.example/"}}
	}
	r := newRig(t, elsewhere)
	for location, want := range map[string]string{
		"": "https://gateway.example/", "EU": "https://gateway.example/", "US": "https://us.example/",
		"198.51.100.7": "https://test.example/", "2001:db8::1": "https://gateway.example/",
	} {
		for dialect, body := range req("gethostfordepot", "username", "tester", "location", location).dialects(clock) {
			got := parse(dialect, r.call(body))
			if got.members["hosturl"] != want || got.members["apiversion"] != "1.0.004" {
				t.Errorf("%s: %s", location, got.text)
			}
		}
	}
	for _, c := range []struct {
		user, location, want string
	}{
		{"nobody", "EU", "<apiversion>1.0.004</apiversion>" + tdFault("-30100", "", "Username does not exists")},
		{owner, "EU", "<apiversion>1.0.004</apiversion>" + tdFault("-30102", "", "Account not Activated by activation mail")},
		{"tester", "eu", "<apiversion>1.0.004</apiversion>" + tdFault("-30112", "", "Invalid location")},
		{"nobody", "Mars", "<apiversion>1.0.004</apiversion>" + tdFault("-30112", "", "Invalid location")},
	} {
		if got := r.call(req("gethostfordepot", "username", c.user, "location", c.location).dialects(clock)["td"]); !strings.HasSuffix(got, c.want) {
			t.Errorf("%s from %s: %s", c.user, c.location, got)
		}
	}
}

func TestInvitations(t *testing.T) {
	inBoth(t, gateway.Config{}, func(t *testing.T, r *rig, do func(request) answer) {
		document := do(on17("addusertodepot", "userlist", "tester3")).members["depotdocument"]
		invite := func(users, document, message string) answer {
			return do(req("sendinvitation", "userlist", users, "depotdocument", document, "message", message))
		}
		for _, c := range []struct {
			users, document, message string
			code, secondary          int
		}{
			{"tester3,nobody", document, "", -30100, 0},
			{"", document, "", -30002, 8},
			{"tester3", "", "", -30002, 8},
			{"tester3", "bm90IG91cnM=", "", -30302, 0},
			{"tester3", document, strings.Repeat("m", 1025), -30002, 10},
		} {
			if got := invite(c.users, c.document, c.message); got.code != c.code || got.secondary != c.secondary {
				t.Errorf("%+v: %s", c, got.text)
			}
		}
		mine := func() int {
			list, err := r.f.Gateway.Depots.Invitations(r.f.Ctx("tester3"))
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		if mine() != 0 {
			t.Error("a refused invitation arrived")
		}
		for range 2 { // the second replaces the first
			if got := invite("tester3,TESTER2", document, "come in"); !got.result || got.members["apiversion"] != "1.0.004" {
				t.Errorf("sendinvitation: %s", got.text)
			}
		}
		if mine() != 1 {
			t.Errorf("%d invitations", mine())
		}
		if got := do(on17("deactivatedepot")); !got.result || mine() != 0 {
			t.Errorf("%d invitations to a depot whose documents have ended", mine())
		}
		check(t, r)
	})
}

func TestDepotForUserTakesHisNewSpaces(t *testing.T) {
	inBoth(t, gateway.Config{}, func(t *testing.T, r *rig, do func(request) answer) {
		second := do(req("createdepot", "username", "tester", "disclimit", "5000", "userlist", "tester3")).members["depotid"]
		for _, c := range []struct {
			q    request
			code int
		}{
			{req("setdepotforuser", "username", "nobody", "depotid", second), -30100},
			{req("setdepotforuser", "username", "tester2", "depotid", second), -30302},
			{req("setdepotforuser", "username", "tester", "depotid", "99"), -30302},
			{req("setdepotforuser", "username", "tester", "depotid", second, "hosturl", "https://other.example/"), -30302},
			{req("setdepotforuser", "username", "tester", "depotid", second, "hosturl", "https://gateway.example/"), 0},
			{req("setdepotforuser", "username", "tester3", "depotid", second), 0},
		} {
			if got := do(c.q); got.code != c.code || c.code == 0 && !got.result {
				t.Errorf("%v: %s", c.q, got.text)
			}
		}
		for _, user := range []string{"tester", "tester3"} {
			_, err := r.f.Gateway.Containers.Create(r.f.Ctx(user), gateway.Ref{Account: "test", Container: "of-" + user}, gateway.ContainerChange{})
			if err != nil {
				t.Error(user, err)
			}
		}
		spaces, err := r.f.Gateway.Depots.Spaces(r.f.Operator(), "tester", 18)
		if err != nil || len(spaces) != 2 {
			t.Errorf("spaces in the target: %+v, %v", spaces, err)
		}
		if got := do(req("deletedepot", "username", "tester", "depotid", second)); !got.result {
			t.Errorf("deletedepot: %s", got.text)
		}
		if _, err := r.f.Gateway.Containers.Create(r.f.Ctx("tester"), gateway.Ref{Account: "test", Container: "again"}, gateway.ContainerChange{}); err != nil {
			t.Errorf("a container after the target went: %v", err)
		}
		check(t, r)
	})
}
