package depot_test

import (
	"bytes"
	"crypto/md5" //nolint:gosec // the API's checksum
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/depot"
)

// refusal is what a request must be answered with.
type refusal struct{ code, secondary int }

// judge compares an answer with a refusal, and looks whether anything changed.
func (r *rig) judge(what, dialect, reply string, want refusal, before [32]byte) {
	r.t.Helper()
	if got := parse(dialect, reply); got.code != want.code || got.secondary != want.secondary {
		r.t.Errorf("%s (%s): %s\nwant %d, %d", what, dialect, reply, want.code, want.secondary)
	}
	if r.f.Fingerprint() != before {
		r.t.Errorf("%s (%s) changed something", what, dialect)
	}
}

func sum(parts ...string) string {
	digest := md5.Sum([]byte(strings.Join(parts, ""))) //nolint:gosec // see the import
	return hex.EncodeToString(digest[:])
}

// utf16Of is text in UTF-16 with a byte-order mark, little end first.
func utf16Of(text string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(text)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

func TestS11OnlyTheExactBodyWithTheSaltIsAccepted(t *testing.T) {
	for dialect, body := range on17("setdepot", "disclimit", "5").dialects(clock) {
		swapped := on17("setdepot", "disclimit", "5")
		swapped.params = []string{"disclimit", "5", "username", owner, "depotid", "17"}
		r := newRig(t, nil)
		before := r.f.Fingerprint()
		wrong, missing := refusal{-30002, 2}, refusal{-30002, 1}
		right := sum(body, salt)
		for what, c := range map[string]struct {
			body, query string
			want        refusal
		}{
			"no checksum":               {body, "", missing},
			"another parameter":         {body, "Checksum=" + right, missing},
			"an empty checksum":         {body, "checksum=", wrong},
			"upper case":                {body, "checksum=" + strings.ToUpper(right), wrong},
			"twice":                     {body, "checksum=" + right + "&checksum=" + right, wrong},
			"cut":                       {body, "checksum=" + right[:31], wrong},
			"without the salt":          {body, "checksum=" + sum(body), wrong},
			"the salt first":            {body, "checksum=" + sum(salt, body), wrong},
			"the salt decoded from hex": {body, "checksum=" + sum(body, decoded(salt)), wrong},
			"a line end behind it":      {body, "checksum=" + sum(body, "\n", salt), wrong},
			"of the body in UTF-16":     {body, "checksum=" + sum(utf16Of(body), salt), wrong},
			"other order of parameters": {swapped.dialects(clock)[dialect], "checksum=" + right, wrong},
			"of another request":        {strings.Replace(body, "5<", "6<", 1), "checksum=" + right, wrong},
			"an HMAC without a key":     {body, "hmac=" + strings.Repeat("0", 64), wrong},
		} {
			r.judge(what, dialect, r.send([]byte(c.body), c.query, nil).Body.String(), c.want, before)
		}
		if got := parse(dialect, r.send([]byte(body), "checksum="+right, nil).Body.String()); !got.result {
			t.Errorf("the right one: %s", got.text)
		}
		after := r.f.Fingerprint()
		r.judge("a repetition", dialect, r.send([]byte(body), "checksum="+right, nil).Body.String(), refusal{-30002, 5}, after)
	}
}

func decoded(text string) string {
	b, err := hex.DecodeString(text)
	if err != nil {
		panic(err) // the vectors' salt looks like hex
	}
	return string(b)
}

func TestS11AnHMACCanBeDemanded(t *testing.T) {
	const key = "a key of at least thirty-two characters"
	for dialect, body := range on17("setdepot", "disclimit", "5").dialects(clock) {
		r := newRig(t, func(c *depot.Config) {
			c.Keys = auth.DepotKeys{Salt: auth.NewSecret(salt), HMACKey: auth.NewSecret(key), RefuseMD5: true}
		})
		before := r.f.Fingerprint()
		checksum, hmac := "checksum="+sum(body, salt), "hmac="+auth.DepotHMAC([]byte(body), auth.NewSecret(key))
		r.judge("a checksum alone", dialect, r.send([]byte(body), checksum, nil).Body.String(), refusal{-30002, 1}, before)
		r.judge("a wrong checksum beside it", dialect, r.send([]byte(body), hmac+"&checksum="+sum(body), nil).Body.String(), refusal{-30002, 2}, before)
		r.judge("upper case", dialect, r.send([]byte(body), "hmac="+strings.ToUpper(hmac[5:]), nil).Body.String(), refusal{-30002, 2}, before)
		if got := parse(dialect, r.send([]byte(body), hmac+"&"+checksum, nil).Body.String()); !got.result {
			t.Errorf("both: %s", got.text)
		}
	}
}

// hostile makes documents of a request in both dialects by putting text before
// its root or into the name of its user.
func hostile(before, user string) map[string]string {
	out := req("getdepotdata", "username", "USER").dialects(clock)
	for dialect, body := range out {
		out[dialect] = before + strings.Replace(body, "USER", user, 1)
	}
	return out
}

func TestS29DeclarationsAreRefusedWhetherUsedOrNot(t *testing.T) {
	laughs := `<!DOCTYPE x [<!ENTITY a "ha">`
	for i := 'b'; i < 'k'; i++ {
		laughs += fmt.Sprintf(`<!ENTITY %c "%s">`, i, strings.Repeat("&"+string(i-1)+";", 10))
	}
	r := newRig(t, nil)
	before := r.f.Fingerprint()
	for what, c := range map[string]struct {
		before, user string
		want         refusal
	}{
		"a DOCTYPE":                    {"<!DOCTYPE teamdrive>", owner, refusal{-30003, 2}},
		"an internal entity":           {`<!DOCTYPE x [<!ENTITY e "` + owner + `">]>`, "&e;", refusal{-30003, 2}},
		"an external entity":           {`<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>`, "&e;", refusal{-30003, 2}},
		"a parameter entity":           {`<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/"> %p;]>`, owner, refusal{-30003, 2}},
		"an external DTD":              {`<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">`, owner, refusal{-30003, 2}},
		"a billion laughs":             {laughs + "]>", "&j;", refusal{-30003, 2}},
		"an entity that nobody made":   {"", "&e;", refusal{-30003, 1}},
		"a declaration inside":         {"", "<!ELEMENT x ANY>", refusal{-30003, 2}},
		"another encoding":             {`<?xml version="1.0" encoding="ISO-8859-1"?>`, owner, refusal{-30003, 3}},
		"another version":              {`<?xml version="1.1"?>`, owner, refusal{-30003, 3}},
		"bytes that are no UTF-8":      {"", "\xe4", refusal{-30003, 1}},
		"a character that XML forbids": {"", "\x01", refusal{-30003, 1}},
		"a reference to one":           {"", "&#1;", refusal{-30003, 1}},
	} {
		for dialect, body := range hostile(c.before, c.user) {
			r.judge(what, dialect, r.call(body), c.want, before)
		}
	}
	for dialect, body := range hostile("", owner) {
		if got := parse("td", r.call(utf16Of(body))); got.code != -30003 {
			t.Errorf("UTF-16 (%s): %s", dialect, got.text)
		}
		// Instructions mean nothing, and are no reason to refuse.
		for _, harmless := range []string{"<?xml-stylesheet href='http://127.0.0.1:1/'?>", "<!-- <!DOCTYPE x> -->", "\ufeff<?xml version='1.0'?>"} {
			if got := parse(dialect, r.call(harmless+body)); got.members["depotid"] != "17" {
				t.Errorf("%q (%s): %s", harmless, dialect, got.text)
			}
		}
	}
}

func TestS30LargeDocumentsAreRefusedQuickly(t *testing.T) {
	const most = 16 << 20
	names := func(n int, form string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, form, i)
		}
		return b.String()
	}
	for what, c := range map[string]struct {
		inner string
		want  refusal
	}{
		"a depth of 100,000":      {strings.Repeat("<a>", 100_000), refusal{-30003, 5}},
		"a million elements":      {strings.Repeat("<a/>", 1_000_000), refusal{-30003, 5}},
		"5,001 elements":          {strings.Repeat("<a/>", 5001), refusal{-30003, 5}},
		"a long text":             {"<x>" + strings.Repeat("x", 16385) + "</x>", refusal{-30003, 5}},
		"a long text in pieces":   {"<x>" + strings.Repeat("<![CDATA[xxxx]]>yyyy", 2049) + "</x>", refusal{-30003, 5}},
		"a long name":             {"<" + strings.Repeat("n", 65) + "/>", refusal{-30003, 5}},
		"an attribute twice":      {"<a b='1' b='2'/>", refusal{-30003, 1}},
		"an attribute without":    {"<a b/>", refusal{-30003, 1}},
		"100,000 attributes":      {"<a " + names(100_000, "a%d='' ") + "b='' b=''/>", refusal{-30003, 1}},
		"an unfinished element":   {"<a", refusal{-30003, 1}},
		"overlapping elements":    {"<a><b></a></b>", refusal{-30003, 1}},
		"a second root":           {"</ROOT><ROOT>", refusal{-30003, 4}},
		"text behind the root":    {"</ROOT>text", refusal{-30003, 4}},
		"a CDATA behind the root": {"</ROOT><![CDATA[ ]]>", refusal{-30003, 4}},
	} {
		for dialect, root := range map[string]string{"td": "teamdrive", "std": "methodCall"} {
			r := newRig(t, func(cfg *depot.Config) { cfg.MaxBody = most })
			before := r.f.Fingerprint()
			body := "<" + root + ">" + strings.ReplaceAll(c.inner, "ROOT", root)
			if !strings.Contains(c.inner, "text") && !strings.HasPrefix(c.inner, "</ROOT><!") {
				body += "</" + root + ">"
			}
			start := time.Now()
			reply := r.call(body)
			if took := time.Since(start); took > time.Minute {
				t.Errorf("%s (%s) took %v", what, dialect, took)
			}
			r.judge(what, dialect, reply, c.want, before)
		}
	}
	for dialect, body := range hostile("", owner) {
		w := newRig(t, nil).send(append([]byte(body), bytes.Repeat([]byte(" "), 65537)...), "", nil)
		if w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("a body above 64 KiB (%s): %d", dialect, w.Code)
		}
	}
}

func TestS30DepthsAreCountedByDialect(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("<x>", n) + strings.Repeat("</x>", n) }
	r := newRig(t, nil)
	for depth, want := range map[int]int{15: 0, 16: -30003} { // the root is a level too
		if got := parse("td", r.call(td("getdepotdata", "<username>"+owner+"</username>"+nested(depth)))); got.code != want {
			t.Errorf("%d levels below the root: %s", depth, got.text)
		}
	}
	array := func(n int) string {
		return strings.Repeat("<value><array><data>", n) + strings.Repeat("</data></array></value>", n)
	}
	for arrays, want := range map[int]int{7: 0, 9: -30003} { // each has three levels, and seven are around them
		body := strings.Replace(req("getdepotdata", "username", owner).dialects(clock)["std"], "</struct>",
			"<member><name>unknown</name>"+array(arrays)+"</member></struct>", 1)
		if got := parse("std", r.call(body)); got.code != want {
			t.Errorf("%d arrays in each other: %s", arrays, got.text)
		}
	}
}

// A prefix is no way around a name, and none to make two names of one.
func TestS30PrefixesMakeNoOtherNames(t *testing.T) {
	r := newRig(t, nil)
	for what, c := range map[string]struct {
		inner string
		code  int
	}{
		"a prefix of its own":     {"<p:username xmlns:p='urn:x'>" + owner + "</p:username>", 0},
		"one that nobody defined": {"<p:username>" + owner + "</p:username>", 0},
		"redefined inside":        {"<p:username xmlns:p='urn:x' ><p:x xmlns:p='urn:y'/></p:username>", -30002},
		"a name and its twin":     {"<username>" + owner + "</username><p:username>tester</p:username>", -30002},
		"an alias beside it":      {"<username>" + owner + "</username><users/><userlist/>", -30002},
	} {
		if got := parse("td", r.call(td("getdepotdata", c.inner))); got.code != c.code {
			t.Errorf("%s: %s", what, got.text)
		}
	}
}

// What is signed are bytes, not what they mean: documents that are equal as
// XML have checksums of their own, and nothing is written again before it is
// trusted.
func TestS31TheSameXMLInOtherBytesIsNotSigned(t *testing.T) {
	for dialect, body := range on17("deletedepot").dialects(clock) {
		r := newRig(t, nil)
		before := r.f.Fingerprint()
		for what, twin := range map[string]string{
			"white space":       body + "\n",
			"a comment":         "<!---->" + body,
			"a reference":       strings.Replace(body, owner, "&#89;ourUserName", 1),
			"CDATA":             strings.Replace(body, owner, "<![CDATA["+owner+"]]>", 1),
			"a byte-order mark": "\ufeff" + body,
			"an attribute":      strings.Replace(body, ">", " a='b'>", 1),
		} {
			r.judge(what, dialect, r.send([]byte(twin), signed([]byte(body)), nil).Body.String(), refusal{-30002, 2}, before)
		}
	}
}

// A browser may know a password: without the checksum it is worth nothing
// here, from whatever page the request comes.
func TestS46PasswordsOpenNothing(t *testing.T) {
	for dialect, body := range on17("deletedepot").dialects(clock) {
		r := newRig(t, nil)
		before := r.f.Fingerprint()
		for _, site := range []string{"cross-site", "same-origin"} {
			w := r.send([]byte(body), "", func(q *http.Request) {
				q.SetBasicAuth("admin", "admin")
				q.Header.Set("Origin", "https://evil.example")
				q.Header.Set("Sec-Fetch-Site", site)
				q.Header.Set("Content-Type", "text/plain")
			})
			r.judge(site, dialect, w.Body.String(), refusal{-30002, 1}, before)
		}
	}
}

// Every failure of the table of checks, in both dialects.
func TestEveryRefusalInBothDialects(t *testing.T) {
	user := []string{"username", owner}
	for _, c := range []struct {
		what string
		q    request
		want refusal
	}{
		{"no command", req(""), refusal{-30001, 0}},
		{"an unknown command", req("dropdepot", user...), refusal{-30001, 0}},
		{"no user", req("getdepotdata"), refusal{-30002, 8}},
		{"no depot", req("deletedepot", user...), refusal{-30002, 8}},
		{"a bad user", req("getdepotdata", "username", "a:b"), refusal{-30002, 9}},
		{"a bad id", req("getspacedata", "username", owner, "depotid", "017"), refusal{-30002, 9}},
		{"a bad flag", req("getdepotdata", "username", owner, "includeshared", "yes"), refusal{-30002, 9}},
		{"a long user", req("getdepotdata", "username", strings.Repeat("u", 129)), refusal{-30002, 10}},
		{"a long note", on17("setdepot", "disclimit", "5", "changeid", strings.Repeat("n", 1025)), refusal{-30002, 10}},
		{"a long list", on17("addusertodepot", "userlist", list(1001)), refusal{-30002, 10}},
		{"twice under two names", on17("setdepot", "disclimit", "5", "disklimit", "5"), refusal{-30002, 7}},
		{"another provider", req("getdepotdata", "username", owner, "distributor", "XXXX"), refusal{-30114, 0}},
		{"a bad location", req("gethostfordepot", "username", "tester", "location", "Mars"), refusal{-30112, 0}},
		{"an unknown user", req("gethostfordepot", "username", "nobody"), refusal{-30100, 0}},
		{"a user without a password", req("gethostfordepot", "username", owner), refusal{-30102, 0}},
		{"no depot of the user", req("getdepotdata", "username", "tester3"), refusal{-30301, 0}},
		{"no such depot", req("getdepotdata", "username", owner, "depotid", "9223372036854775807"), refusal{-30302, 0}},
		{"no such space", on17("deletespace", "spaceid", "43"), refusal{-30303, 0}},
		{"a bad limit to set", on17("setdepot", "disclimit", "1e6"), refusal{-30304, 0}},
		{"a bad limit to add", on17("increasedepot", "increaselimit", "-1"), refusal{-30304, 0}},
		{"a bad limit to take", on17("decreasedepot", "decreaselimit", "9999999999999999999"), refusal{-30305, 0}},
		{"a bad limit to begin with", req("createdepot", "username", owner, "disclimit", "5 GB"), refusal{-30306, 0}},
	} {
		for dialect, body := range c.q.dialects(clock) {
			r := newRig(t, withDocuments(t))
			r.judge(c.what, dialect, r.call(body), c.want, r.f.Fingerprint())
		}
	}
	for what, c := range map[string]struct {
		from, to string // in the body
		want     refusal
	}{
		"no time":          {strconv.Itoa(clock), "", refusal{-30002, 3}},
		"a time in words":  {strconv.Itoa(clock), "now", refusal{-30002, 3}},
		"a time too early": {strconv.Itoa(clock), strconv.Itoa(clock - 301), refusal{-30002, 4}},
		"a time too late":  {strconv.Itoa(clock), strconv.Itoa(clock + 301), refusal{-30002, 4}},
		"not closed":       {"</teamdrive>", "", refusal{-30003, 1}},
		"not closed ":      {"</methodCall>", "", refusal{-30003, 1}},
	} {
		for dialect, body := range on17("setdepot", "disclimit", "5").dialects(clock) {
			if changed := strings.Replace(body, c.from, c.to, 1); changed != body {
				r := newRig(t, nil)
				r.judge(what, dialect, r.call(changed), c.want, r.f.Fingerprint())
			}
		}
	}
	for dialect, body := range on17("setdepot", "disclimit", "5").dialects(clock) {
		r := newRig(t, nil)
		before := r.f.Fingerprint()
		r.judge("from elsewhere", dialect, r.send([]byte(body), signed([]byte(body)), from("203.0.113.9")).Body.String(), refusal{-30000, 0}, before)
		r.engine.fail = errs.New("x", errs.Other, "", "")
		r.judge("a broken store", dialect, r.call(body), refusal{-20000, 0}, before)
		r.engine.fail = nil
	}
}

// list makes a list of n names.
func list(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = "u" + strconv.Itoa(i)
	}
	return strings.Join(names, ",")
}

func TestFailuresOfShapeInXMLRPC(t *testing.T) {
	r := newRig(t, nil)
	good := req("getdepotdata", "username", owner).dialects(clock)["std"]
	for what, c := range map[string]struct {
		body string
		want refusal
	}{
		"two params":        {strings.Replace(good, "</param>", "</param><param><value/></param>", 1), refusal{-30002, 6}},
		"no struct":         {strings.Replace(strings.Replace(good, "<struct>", "<string>", 1), "</struct>", "</string>", 1), refusal{-30002, 6}},
		"a member twice":    {strings.Replace(good, "</struct>", "<member><name>username</name><value/></member></struct>", 1), refusal{-30002, 7}},
		"an unknown type":   {strings.Replace(good, "<string>"+owner+"</string>", "<text>x</text>", 1), refusal{-30002, 6}},
		"an array for text": {strings.Replace(good, "<string>"+owner+"</string>", "<array><data/></array>", 1), refusal{-30002, 6}},
		"no methodName":     {"<methodCall><params/></methodCall>", refusal{-30001, 0}},
	} {
		r.judge(what, "std", r.call(c.body), c.want, r.f.Fingerprint())
	}
}

func TestCallsAreKeptInTheStore(t *testing.T) {
	r := newRigWith(t, gateway.Config{DepotLogFlush: time.Millisecond}, nil)
	r.call(string(vector(t, "td-setdepot-pretty.xml")))
	r.send(vector(t, "std-getdepotdata-go.xml"), "checksum=0123456789abcdef0123456789abcdef", nil)
	var calls []gateway.DepotAPICall
	for deadline := time.Now().Add(2 * time.Minute); len(calls) < 2 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		var err error
		if calls, err = r.f.Gateway.Depots.CallLog(r.f.Operator(), time.Time{}, 0, 10); err != nil {
			t.Fatal(err)
		}
	}
	if len(calls) != 2 {
		t.Fatalf("calls %+v", calls)
	}
	for _, c := range calls {
		if c.Address != listed || c.Dialect == "td" && (c.Command != "setdepot" || c.User != owner || c.Depot != 17 || c.Primary != 0) ||
			c.Dialect == "std" && (c.Command != "" || c.Primary != -30002 || c.Secondary != 2) {
			t.Errorf("call %+v", c)
		}
	}
}

// A crash forgets lines of the log that wait to be written, but none of a
// change that was carried out.
func TestLineOfAChangeIsWrittenWithIt(t *testing.T) {
	r := newRigWith(t, gateway.Config{DepotLogFlush: time.Hour}, withDocuments(t))
	r.call(string(vector(t, "td-getdepotdata.xml")))
	r.call(string(vector(t, "td-setdepot-pretty.xml")))
	r.call(string(vector(t, "td-createdepot.xml")))
	r.call(strings.Replace(string(vector(t, "td-setdepot-pretty.xml")), ">17<", ">99<", 1)) // refused
	calls, err := r.f.Gateway.Depots.CallLog(r.f.Operator(), time.Time{}, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range calls {
		got = append(got, fmt.Sprint(c.Command, " ", c.User, " ", c.Depot, " ", c.Primary, " ", c.Dialect))
	}
	slices.Sort(got)
	if want := []string{"createdepot YourUserName 18 0 td", "setdepot YourUserName 17 0 td"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
