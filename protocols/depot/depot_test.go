package depot_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/depot"
)

func TestVectorsAreAnsweredByteForByte(t *testing.T) {
	for request, reply := range map[string]string{
		"td-getdepotdata":            "reply-td-getdepotdata",
		"td-setdepot-pretty":         "reply-td-ok",
		"td-bad-command":             "reply-td-30001",
		"td-bad-duplicate":           "reply-td-30002-duplicate",
		"td-bad-doctype":             "reply-td-30003-doctype",
		"td-bad-tworoots":            "reply-td-30003-tworoots",
		"std-getdepotdata-go":        "reply-std-getdepotdata",
		"std-setdepot-go-bigint":     "reply-std-ok",
		"std-setdepot-python":        "reply-std-ok",
		"std-multicall-go":           "reply-std-multicall",
		"td-increasedepot-crlf-utf8": "reply-td-ok",
		"std-listmethods-python":     "reply-std-listmethods",
	} {
		body := vector(t, request+".xml")
		checksum := "checksum=" + string(vector(t, request+".md5"))
		w := newRig(t, nil).send(body, checksum, nil)
		if want := vector(t, reply+".xml"); w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), want) {
			t.Errorf("%s: %d\n%s\nwant\n%s", request, w.Code, w.Body, want)
		}
		if h := w.Header(); h.Get("Content-Type") != "text/xml; charset=UTF-8" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", request, h)
		}
		onlyHMAC := newRig(t, func(c *depot.Config) {
			c.Keys = auth.DepotKeys{HMACKey: auth.NewSecret(salt), RefuseMD5: true}
		})
		if again := onlyHMAC.send(body, "hmac="+string(vector(t, request+".hmac")), nil); again.Body.String() != w.Body.String() {
			t.Errorf("%s with an HMAC is answered %s", request, again.Body)
		}
	}
}

func TestSpacesAreAnsweredByteForByte(t *testing.T) {
	if got, want := newRig(t, nil).call(td("getspacedata", "<username>YourUserName</username>")), vector(t, "reply-td-getspacedata.xml"); got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	body := strings.Replace(string(vector(t, "std-getdepotdata-go.xml")), "getdepotdata", "getspacedata", 1)
	if got, want := newRig(t, nil).call(body), vector(t, "reply-std-getspacedata.xml"); got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	named := newRig(t, func(c *depot.Config) { c.ReturnSpaceNames = true })
	if got := named.call(td("getspacedata", "<username>YourUserName</username>")); !strings.Contains(got, "<spacename>two</spacename>") {
		t.Errorf("with names: %s", got)
	}
}

func TestChangesReachTheGateway(t *testing.T) {
	r := newRig(t, nil)
	r.call(string(vector(t, "td-setdepot-pretty.xml")))
	if d := r.depot(17); d.StorageLimit != 5368709120 || d.TrafficLimit != 53687091200 {
		t.Errorf("limits %d and %d", d.StorageLimit, d.TrafficLimit)
	}
	r.call(td("setdepot", "<username>yourusername</username><depotid>17</depotid><disklimit>5</disklimit><trafficlimit>7</trafficlimit><changeinfo> order 4711 </changeinfo>"))
	if d, last := r.depot(17), r.history(); d.StorageLimit != 5 || d.TrafficLimit != 7 || last.Command != "setdepot" || last.Note != "order 4711" {
		t.Errorf("limits %d and %d, history %+v", d.StorageLimit, d.TrafficLimit, last)
	}
	if got := r.call(td("deletedepot", "<username>YourUserName</username><depotid>17</depotid>")); got != string(vector(t, "reply-td-ok.xml")) {
		t.Errorf("deletedepot: %s", got)
	}
	for dialect, body := range map[string][]byte{"td": vector(t, "td-getdepotdata.xml"), "std": vector(t, "std-getdepotdata-go.xml")} {
		if got := r.call(string(body)); got != string(vector(t, "reply-"+dialect+"-30301.xml")) {
			t.Errorf("an empty store answers %s", got)
		}
	}
}

func TestCreateDepotReturnsIDAndDocument(t *testing.T) {
	r := newRig(t, withDocuments(t))
	got := r.call(string(vector(t, "td-createdepot.xml")))
	want := "<depotid>18</depotid><depotdocument>" + documents(t).Make(r.depot(18)) + "</depotdocument></teamdrive>"
	if !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	d := r.depot(18)
	if d.Owner != "YourUserName" || d.TrafficLimit != 53687091200 || d.Contract != "C-1001" || strings.Join(d.Users, " ") != "alice bob" {
		t.Errorf("made %+v", d)
	}
	got = newRig(t, nil).call(string(vector(t, "td-createdepot.xml")))
	if !strings.HasSuffix(got, "<apiversion>3.0.003</apiversion><depotid>18</depotid><depotdocument></depotdocument></teamdrive>") {
		t.Errorf("without secrets for documents: %s", got)
	}
}

func TestDefaultDepotAndDepotWithoutLimit(t *testing.T) {
	r := newRig(t, nil)
	id := strconv.FormatUint(r.depotOf("tester", 0).ID, 10)
	if got := r.call(td("addusertodepot", "<username>tester</username><depotid>"+id+"</depotid><userlist>hidden</userlist>")); !strings.Contains(got, "<intresult>0</intresult>") {
		t.Errorf("adding a user to a default depot: %s", got)
	}
	if users := r.depotOf("tester", 0).Users; len(users) != 1 {
		t.Errorf("users %v", users)
	}
	got := r.call(td("getdepotdata", "<username>tester</username>"))
	for _, part := range []string{
		"<status>activated</status>", "<disclimit>9223372036854775807</disclimit>", "<trafficlimit>9223372036854775807</trafficlimit>",
		"<isdefault>true</isdefault><userlist></userlist>",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("%s lacks %s", got, part)
		}
	}
}

func TestSharedDepotsAreShownWhenAskedFor(t *testing.T) {
	r := newRig(t, nil)
	if got := r.call(td("getdepotdata", "<username>bob</username>")); !strings.Contains(got, "-30301") {
		t.Errorf("without includeshared: %s", got)
	}
	if got := r.call(td("getdepotdata", "<username>bob</username><includeshared>$true</includeshared>")); !strings.Contains(got, "<depotid>17</depotid>") {
		t.Errorf("with includeshared: %s", got)
	}
}

func TestRefusals(t *testing.T) {
	const owner = "<username>YourUserName</username>"
	const of17 = owner + "<depotid>17</depotid>"
	for _, c := range []struct{ name, body, want string }{
		{"no command", "<teamdrive/>", tdFault("-30001", "", "Invalid Command")},
		{"a command with the prefix of XML-RPC", td("depot.getdepotdata", owner), tdFault("-30001", "", "Invalid Command")},
		{"unknown before its time", "<teamdrive><command>x</command></teamdrive>", tdFault("-30001", "", "Invalid Command")},
		{"no time", "<teamdrive><command>getdepotdata</command></teamdrive>", tdFault("-30002", "3", "Invalid Request")},
		{"no user", td("getdepotdata", "<username/>"), tdFault("-30002", "8", "Invalid Request")},
		{"a bad user", td("getdepotdata", "<username>a/b</username>"), tdFault("-30002", "9", "Invalid Request")},
		{"a long user", td("getdepotdata", "<username>"+strings.Repeat("u", 129)+"</username>"), tdFault("-30002", "10", "Invalid Request")},
		{"a bad flag", td("getdepotdata", owner+"<includeshared>yes</includeshared>"), tdFault("-30002", "9", "Invalid Request")},
		{"a bad id", td("getspacedata", owner+"<depotid>x</depotid>"), tdFault("-30002", "9", "Invalid Request")},
		{"no id", td("deletedepot", owner), tdFault("-30002", "8", "Invalid Request")},
		{"another's depot", td("deletedepot", owner+"<depotid>18</depotid>"), tdFault("-30302", "", "Depot-ID does not match")},
		{"a foreign provider", td("getdepotdata", owner+"<distributor>ABCD</distributor>"), tdFault("-30114", "", "Provider not found")},
		{"no limit", td("setdepot", of17), tdFault("-30304", "", "Increasing Depot failed")},
		{"a limit of zero", td("setdepot", of17+"<disclimit>0</disclimit>"), tdFault("-30304", "", "Increasing Depot failed")},
		{"a limit that is none", td("setdepot", of17+"<disclimit>5 GB</disclimit>"), tdFault("-30304", "", "Increasing Depot failed")},
		{"a bad traffic limit", td("setdepot", of17+"<disclimit>5</disclimit><trafficlimit>0</trafficlimit>"), tdFault("-30304", "", "Increasing Depot failed")},
		{"a bad limit of another's depot", td("setdepot", owner+"<depotid>18</depotid><disclimit>x</disclimit>"), tdFault("-30302", "", "Depot-ID does not match")},
		{"a bad limit of nobody's", td("setdepot", "<username>nobody</username><depotid>17</depotid>"), tdFault("-30301", "", "No Depot for User")},
		{"a long note", td("setdepot", of17+"<disclimit>5</disclimit><changeid>"+strings.Repeat("ü", 1025)+"</changeid>"), tdFault("-30002", "10", "Invalid Request")},
		{"a new depot without a limit", td("createdepot", owner), tdFault("-30306", "", "Invalid storage limit")},
		{"a new depot with a bad traffic limit", td("createdepot", owner+"<disclimit>5</disclimit><trafficlimit>-1</trafficlimit>"), tdFault("-30306", "", "Invalid storage limit")},
		{"a wish for an old id", td("createdepot", owner+"<disclimit>5</disclimit><depotid>17</depotid>"), tdFault("-30302", "", "Depot-ID does not match")},
		{"a wish for no id", td("createdepot", owner+"<disclimit>5</disclimit><depotid>new</depotid>"), tdFault("-30302", "", "Depot-ID does not match")},
		{"a long contract", td("createdepot", owner+"<disclimit>5</disclimit><contract>"+strings.Repeat("c", 129)+"</contract>"), tdFault("-30002", "10", "Invalid Request")},
	} {
		if got := newRig(t, nil).call(c.body); !strings.HasSuffix(got, c.want) {
			t.Errorf("%s: %s\nwant …%s", c.name, got, c.want)
		}
	}
	ours := newRig(t, func(c *depot.Config) { c.ProviderCode = "ABCD" })
	if got := ours.call(td("getdepotdata", owner+"<distributor>ABCD</distributor>")); !strings.Contains(got, "<depotdata>") {
		t.Errorf("our own provider: %s", got)
	}
}

func TestProofs(t *testing.T) {
	body := vector(t, "td-getdepotdata.xml")
	right := string(vector(t, "td-getdepotdata.md5"))
	wrong, missing := string(vector(t, "reply-td-30002-checksum.xml")), tdFault("-30002", "1", "Invalid Request")
	ok := string(vector(t, "reply-td-getdepotdata.xml"))
	for query, want := range map[string]string{
		"":                                   missing,
		"checksum=" + right:                  ok,
		"other=1&checksum=" + right:          ok,
		"checksum=" + strings.ToUpper(right): wrong,
		"checksum=":                          wrong,
		"checksum=" + right + "0":            wrong,
		"checksum=" + right + "&checksum=" + right:               wrong,
		"checksum=" + right + "&hmac=" + strings.Repeat("0", 64): wrong,
	} {
		if got := newRig(t, nil).send(body, query, nil).Body.String(); !strings.HasSuffix(got, want) {
			t.Errorf("?%s: %s", query, got)
		}
	}
	if got := newRig(t, nil).send(vector(t, "std-getdepotdata-go.xml"), "checksum="+right, nil).Body.String(); got != string(vector(t, "reply-std-30002-checksum.xml")) {
		t.Errorf("XML-RPC with a wrong checksum: %s", got)
	}
	pretty := vector(t, "td-setdepot-pretty.xml")
	cut := newRig(t, nil).send(pretty[:len(pretty)-1], "checksum="+string(vector(t, "td-setdepot-pretty.md5")), nil)
	if cut.Body.String() != wrong {
		t.Errorf("without its last byte: %s", cut.Body)
	}
	if got := newRig(t, nil).send([]byte("<not xml"), "checksum="+right, nil).Body.String(); got != wrong {
		t.Errorf("the proof is not looked at before the XML: %s", got)
	}
	optional := newRig(t, func(c *depot.Config) { c.Keys.Optional = true })
	if got := optional.send(body, "", nil).Body.String(); got != ok {
		t.Errorf("where proofs are optional: %s", got)
	}
}

func TestFormTypeMakesNoDifference(t *testing.T) {
	body := vector(t, "td-getdepotdata.xml")
	w := newRig(t, nil).send(body, signed(body), func(q *http.Request) {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	})
	if w.Body.String() != string(vector(t, "reply-td-getdepotdata.xml")) {
		t.Errorf("a form type is answered %s", w.Body)
	}
}

func TestTimeOutsideTheWindowIsRefused(t *testing.T) {
	body := string(vector(t, "td-getdepotdata.xml"))
	for at, inside := range map[int64]bool{
		clock - 301: false, clock - 300: true, clock + 300: true, clock + 301: false,
	} {
		r := newRig(t, nil)
		r.seconds = at
		if got := r.call(body); strings.Contains(got, "<depotdata>") != inside ||
			!inside && !strings.HasSuffix(got, tdFault("-30002", "4", "Invalid Request")) {
			t.Errorf("%d seconds off: %s", at-clock, got)
		}
	}
	r := newRig(t, func(c *depot.Config) { c.Window = -1 })
	r.seconds = 4e9
	if got := r.call(body); !strings.Contains(got, "<depotdata>") {
		t.Errorf("without a window: %s", got)
	}
	if got := r.call(strings.Replace(body, "1420070400", "9999999999999999999", 1)); !strings.HasSuffix(got, tdFault("-30002", "3", "Invalid Request")) {
		t.Errorf("beyond 64 bits: %s", got)
	}
	r = newRig(t, nil)
	if got := r.call(strings.Replace(body, "1420070400", "9223372036854775807", 1)); !strings.HasSuffix(got, tdFault("-30002", "4", "Invalid Request")) {
		t.Errorf("the last second there is: %s", got)
	}
}

func TestChangesAreDoneOnce(t *testing.T) {
	change, read := string(vector(t, "td-setdepot-pretty.xml")), string(vector(t, "td-getdepotdata.xml"))
	replayed := tdFault("-30002", "5", "Invalid Request")
	r := newRig(t, nil)
	r.call(change)
	for _, later := range []int64{0, 299, 300} {
		r.seconds = clock + later
		if got := r.call(change); !strings.HasSuffix(got, replayed) {
			t.Errorf("the same change %d seconds later: %s", later, got)
		}
	}
	r.seconds = clock
	for range 2 {
		if got := r.call(read); !strings.Contains(got, "<depotdata>") {
			t.Errorf("a repeated read: %s", got)
		}
	}

	r = newRig(t, nil)
	r.engine.fail = errs.New("x", errs.Unavailable, "", "")
	r.call(change)
	r.engine.fail = nil
	if got := r.call(change); got != string(vector(t, "reply-td-ok.xml")) {
		t.Errorf("repeated after a failure: %s", got)
	}

	r = newRig(t, func(c *depot.Config) { c.AllowReplay = true })
	r.call(change)
	if got := r.call(change); got != string(vector(t, "reply-td-ok.xml")) {
		t.Errorf("without protection: %s", got)
	}

	r = newRig(t, func(c *depot.Config) { c.Window = -1 })
	r.call(change)
	r.seconds = clock + 86399
	if got := r.call(change); !strings.HasSuffix(got, replayed) {
		t.Errorf("without a window, nearly a day later: %s", got)
	}
	r.seconds = clock + 86400
	if got := r.call(change); got != string(vector(t, "reply-td-ok.xml")) {
		t.Errorf("without a window, a day later: %s", got)
	}
}

func TestChecksComeInTheirOrder(t *testing.T) {
	body := vector(t, "td-getdepotdata.xml")
	off := newRig(t, func(c *depot.Config) { c.Keys = auth.DepotKeys{} })
	if w := off.send(body, signed(body), func(q *http.Request) { q.Method = http.MethodGet }); w.Code != http.StatusNotFound {
		t.Errorf("the API that is off: %d", w.Code)
	}
	get := func(q *http.Request) { q.Method = http.MethodGet; from("203.0.113.1")(q) }
	if w := newRig(t, nil).send(body, "", get); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
		t.Errorf("GET: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
	for dialect, request := range map[string]string{"td": "td-getdepotdata.xml", "std": "std-getdepotdata-go.xml"} {
		w := newRig(t, nil).send(vector(t, request), "", func(q *http.Request) {
			from("203.0.113.1")(q)
			q.Header.Set("Content-Encoding", "gzip")
		})
		if w.Code != http.StatusOK || w.Body.String() != string(vector(t, "reply-"+dialect+"-30000.xml")) || w.Header().Get("Connection") != "close" {
			t.Errorf("from elsewhere: %d %s", w.Code, w.Body)
		}
	}
	gzip := func(q *http.Request) { q.Header.Set("Content-Encoding", "gzip") }
	if w := newRig(t, nil).send(bytes.Repeat([]byte("x"), 70000), "", gzip); w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("an encoded body: %d", w.Code)
	}
	identity := func(q *http.Request) { q.Header.Set("Content-Encoding", "identity") }
	if w := newRig(t, nil).send(body, signed(body), identity); w.Code != http.StatusOK {
		t.Errorf("a body encoded as itself: %d", w.Code)
	}
	for _, declared := range []int64{70000, -1} {
		w := newRig(t, nil).send(bytes.Repeat([]byte("x"), 65537), "", func(q *http.Request) { q.ContentLength = declared })
		if w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("a body of 65,537 bytes, declared %d: %d", declared, w.Code)
		}
	}
	full := append(bytes.Clone(body), bytes.Repeat([]byte(" "), 65536-len(body))...)
	if w := newRig(t, nil).send(full, signed(full), nil); !strings.Contains(w.Body.String(), "<depotdata>") {
		t.Errorf("a body of 65,536 bytes: %s", w.Body)
	}
}

func TestPathsOfTheAPI(t *testing.T) {
	body := vector(t, "td-getdepotdata.xml")
	for path, want := range map[string]int{
		"/pbas/p1_as/api/api.htm": 200, "/yvva/api/api.htm": 200, "/RPC2": 200, "/RPC2/": 404, "/rpc2": 404, "/RPC22": 404, "/yvva": 404,
	} {
		w := newRig(t, nil).send(body, signed(body), func(q *http.Request) { q.URL.Path = path })
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

func TestFailuresOfTheGatewayAreShownInWords(t *testing.T) {
	body := string(vector(t, "td-setdepot-pretty.xml"))
	r := newRig(t, nil)
	r.engine.panics = true
	if got := r.call(body); !strings.HasSuffix(got, "<apiversion>3.0.003</apiversion>"+tdFault("-20000", "", "Internal Error")) {
		t.Errorf("a panic: %s", got)
	}
	if log := r.log.String(); !strings.Contains(log, "broken engine") || !strings.Contains(log, "rig_test.go") {
		t.Errorf("a panic is logged as %s", log)
	}
	for kind, want := range map[errs.Kind]int{errs.RateLimited: 429, errs.Unavailable: 503} {
		r = newRig(t, nil)
		r.engine.fail = errs.New("x", kind, "", "")
		w := r.send([]byte(body), signed([]byte(body)), nil)
		if w.Code != want || w.Header().Get("Retry-After") == "" {
			t.Errorf("%v: %d, Retry-After %q", kind, w.Code, w.Header().Get("Retry-After"))
		}
	}
}

func TestRateAndLockout(t *testing.T) {
	body := vector(t, "td-getdepotdata.xml")
	r := newRig(t, func(c *depot.Config) { c.Rate = 1 })
	codes := make([]int, 3)
	for i := range codes {
		codes[i] = r.send(body, signed(body), nil).Code
	}
	r.seconds++
	if codes = append(codes, r.send(body, signed(body), nil).Code); codes[0] != 200 || codes[1] != 200 || codes[2] != 429 || codes[3] != 200 {
		t.Errorf("a burst at one per second: %v, want 200 200 429 and, a second later, 200", codes)
	}

	r = newRig(t, func(c *depot.Config) { c.Lockout = 2 })
	for range 2 {
		r.send(body, "", nil)
	}
	if got := r.send(body, signed(body), nil).Body.String(); got != string(vector(t, "reply-td-30000.xml")) {
		t.Errorf("after two wrong proofs: %s", got)
	}
	r.seconds += 60
	if got := r.send(body, signed(body), nil).Body.String(); !strings.Contains(got, "<depotdata>") {
		t.Errorf("a minute later: %s", got)
	}
	r.send(body, "", nil)
	r.seconds += 60
	r.send(body, "", nil)
	if got := r.send(body, signed(body), nil).Body.String(); !strings.Contains(got, "<depotdata>") {
		t.Errorf("two wrong proofs in two minutes: %s", got)
	}
}

func TestCallsAreLoggedWithoutSecrets(t *testing.T) {
	r := newRig(t, withDocuments(t))
	r.call(string(vector(t, "td-setdepot-pretty.xml")))
	r.call(string(vector(t, "td-createdepot.xml")))
	r.send(vector(t, "std-getdepotdata-go.xml"), "checksum=0123456789abcdef0123456789abcdef", nil)
	log := r.log.String()
	for _, part := range []string{
		"addr=192.0.2.1 dialect=td command=setdepot user=YourUserName depot=17 primary=0 secondary=0",
		"command=createdepot user=YourUserName depot=18 primary=0",
		`dialect=std command="" user="" depot=0 primary=-30002 secondary=2`,
	} {
		if !strings.Contains(log, part) {
			t.Errorf("the log lacks %s:\n%s", part, log)
		}
	}
	for _, secret := range []string{salt, "0123456789abcdef", "checksum", "<teamdrive", "C-1001", "eyJ2"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q:\n%s", secret, log)
		}
	}
	quiet := newRig(t, func(c *depot.Config) { c.NoLog = true })
	quiet.log.Reset()
	quiet.call(string(vector(t, "td-getdepotdata.xml")))
	if quiet.log.Len() != 0 {
		t.Errorf("with logging off: %s", quiet.log.String())
	}
}

func TestManualsSaltIsWarnedOf(t *testing.T) {
	if r := newRig(t, nil); !strings.Contains(r.log.String(), "level=WARN") {
		t.Errorf("no warning of the manual's salt: %s", r.log.String())
	}
	same := newRig(t, func(c *depot.Config) {
		c.Keys.Salt = auth.NewSecret(strings.Repeat("s", 32))
		c.Keys.HMACKey = c.Keys.Salt
	})
	if !strings.Contains(same.log.String(), "should not be its salt") || strings.Contains(same.log.String(), "ssss") {
		t.Errorf("no warning of one secret for both, or the secret itself: %s", same.log.String())
	}
}

func TestConfigurationsThatCannotBe(t *testing.T) {
	who := gatewaytest.New(t).Auth
	for name, cfg := range map[string]depot.Config{
		"short salt":  {Keys: auth.DepotKeys{Salt: auth.NewSecret("short")}},
		"odd path":    {Paths: []string{"/{api}"}},
		"no slash":    {Paths: []string{"api"}},
		"big integer": {BigInt: "i16"},
		"rate":        {Rate: -1},
		"lockout":     {Lockout: 1001},
		"host":        {Hosts: []depot.Host{{URL: "https://x/"}}},
	} {
		if _, err := depot.New(cfg, nil, who, slog.New(slog.DiscardHandler), time.Now); errs.Of(err) != errs.Invalid {
			t.Errorf("%s: %v, want errs.Invalid", name, err)
		}
	}
}

func TestSlowBodyIsNotWaitedFor(t *testing.T) {
	r := newRig(t, func(c *depot.Config) { c.BodyTimeout = 50 * time.Millisecond })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		from(listed)(q)
		r.handler.ServeHTTP(w, q)
	}))
	defer server.Close()
	body, write := io.Pipe()
	defer write.Close()
	go func() { _, _ = io.WriteString(write, "<team") }()
	reply, err := server.Client().Post(server.URL+"/RPC2", "text/xml", body)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusRequestTimeout {
		t.Errorf("a body that does not come: %d, want 408", reply.StatusCode)
	}
}

func TestBodyThatEndsEarlyIsRefused(t *testing.T) {
	w := newRig(t, nil).send(nil, "", func(q *http.Request) {
		q.Body = io.NopCloser(io.MultiReader(strings.NewReader("<team"), failing{}))
	})
	if w.Code != http.StatusBadRequest {
		t.Errorf("%d, want 400", w.Code)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func FuzzRequest(f *testing.F) {
	requests, err := filepath.Glob("testdata/vectors/[ts]*d-*.xml")
	if err != nil || len(requests) < 14 {
		f.Fatalf("%d vectors, %v", len(requests), err)
	}
	for _, name := range requests {
		body, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	r := newRig(f, nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 65536 {
			return
		}
		r.t = t
		w := r.send(body, signed(body), nil)
		if w.Code != http.StatusOK {
			t.Fatalf("status %d", w.Code)
		}
		if got := w.Body.String(); !strings.HasPrefix(got, "<?xml") || strings.Contains(got, "Internal Error") {
			t.Errorf("answered %s", got)
		}
	})
}
