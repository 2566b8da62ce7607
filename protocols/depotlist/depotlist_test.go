package depotlist_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/depotlist"
)

// rig is a face over a gateway in which tester owns a depot that authorises
// tester2.
type rig struct {
	t         *testing.T
	f         *gatewaytest.Fixture
	documents *gateway.Documents
	depot     gateway.Depot
	handler   http.Handler
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, f: gatewaytest.New(t)}
	var err error
	r.documents, err = gateway.NewDocuments("https://gateway.example/", auth.NewSecret("s"), ed25519.NewKeyFromSeed(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	r.depot, err = r.f.Gateway.Depots.Create(r.f.Operator(),
		gateway.DepotOptions{User: "tester", StorageLimit: 5000, Users: []string{"tester2"}}, gateway.DepotCall{Command: "test"})
	if err != nil {
		t.Fatal(err)
	}
	router := mux.NewRouter().SkipClean(true).UseEncodedPath()
	depotlist.New(r.f.Gateway.Depots, r.documents, r.f.Auth).Routes(router)
	r.handler = router
	return r
}

// ask makes a request of a user, "" for nobody, and returns status and body.
func (r *rig) ask(user, method, path, body string, headers ...string) (int, string) {
	r.t.Helper()
	q := httptest.NewRequest(method, path, strings.NewReader(body))
	if user != "" {
		q.SetBasicAuth(user, strings.Replace(user, "tester", "testing", 1))
	}
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, q)
	return w.Code, w.Body.String()
}

// ids reads the numbers of the depots in an answer.
func (r *rig) ids(user, path, list string) []string {
	r.t.Helper()
	status, body := r.ask(user, http.MethodGet, path, "")
	var answer map[string][]struct {
		ID string `json:"depotid"`
	}
	if err := json.Unmarshal([]byte(body), &answer); status != 200 || err != nil || answer[list] == nil {
		r.t.Fatalf("%s of %s: %d %s %v", path, user, status, body, err)
	}
	out := []string{}
	for _, d := range answer[list] {
		out = append(out, d.ID)
	}
	return out
}

// holds tells whether a user's list shows the rig's depot.
func (r *rig) holds(user string) bool {
	for _, id := range r.ids(user, "/depots", "depots") {
		if id == strconv.FormatUint(r.depot.ID, 10) {
			return true
		}
	}
	return false
}

func (r *rig) claimBody() string { return `{"document":"` + r.documents.Make(r.depot) + `"}` }

func TestDocumentPutsADepotIntoTheList(t *testing.T) {
	r := newRig(t)
	if !r.holds("tester") || r.holds("tester2") {
		t.Error("lists before the claim")
	}
	status, body := r.ask("tester2", http.MethodPost, "/depots/claims", r.claimBody())
	if status != 200 || !strings.Contains(body, `"owner":"tester"`) || !r.holds("tester2") {
		t.Errorf("claim: %d %s", status, body)
	}
	path := "/depots/claims/" + strconv.FormatUint(r.depot.ID, 10)
	if status, body := r.ask("tester2", http.MethodDelete, path, ""); status != 204 || body != "" || r.holds("tester2") {
		t.Errorf("taken out: %d %s", status, body)
	}
	if status, _ := r.ask("tester2", http.MethodDelete, path, ""); status != 404 {
		t.Errorf("taken out again: %d", status)
	}
}

func TestClaimsThatAreRefused(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		who, body string
		want      int
	}{
		{"", r.claimBody(), 401},
		{"tester5", r.claimBody(), 403}, // not on the list
		{"tester2", `{"document":"bm9uZQ=="}`, 404},
		{"tester2", `{"document":` + `"` + strings.Repeat("A", 17000) + `"}`, 413},
		{"tester2", `{}`, 400}, {"tester2", ``, 400}, {"tester2", `[]`, 400}, {"tester2", `{"document":5}`, 400},
		{"tester2", r.claimBody() + "x", 400},
	} {
		if status, body := r.ask(c.who, http.MethodPost, "/depots/claims", c.body); status != c.want || !strings.Contains(body, `"error":`) {
			t.Errorf("%s, %.40s: %d %s, want %d", c.who, c.body, status, body, c.want)
		}
	}
	if err := r.f.Gateway.Depots.RemoveUsers(r.f.Operator(), "tester", r.depot.ID, []string{"x"}, gateway.DepotCall{Command: "test"}); err != nil {
		t.Fatal(err)
	}
	if status, _ := r.ask("tester2", http.MethodPost, "/depots/claims", r.claimBody()); status != 404 {
		t.Errorf("a document that has ended: %d", status)
	}
}

func TestInvitationsAreAnswered(t *testing.T) {
	r := newRig(t)
	err := r.f.Gateway.Depots.Invite(r.f.Operator(), []string{"tester2", "tester5"},
		gateway.DocumentClaim{Depot: r.depot.ID, Epoch: r.depot.Epoch}, "welcome", gateway.DepotCall{Command: "test"})
	if err != nil {
		t.Fatal(err)
	}
	status, body := r.ask("tester2", http.MethodGet, "/depots/invitations", "")
	if status != 200 || !strings.Contains(body, `"message":"welcome"`) || !strings.Contains(body, r.documents.Make(r.depot)) {
		t.Errorf("invitations: %d %s", status, body)
	}
	path := "/depots/invitations/" + strconv.FormatUint(r.depot.ID, 10)
	if status, body := r.ask("tester2", http.MethodPut, path, ""); status != 200 || !r.holds("tester2") {
		t.Errorf("accept: %d %s", status, body)
	}
	if status, _ := r.ask("tester2", http.MethodPut, path, ""); status != 404 {
		t.Errorf("accepted again: %d", status)
	}
	if status, _ := r.ask("tester5", http.MethodDelete, path, ""); status != 204 || len(r.ids("tester5", "/depots/invitations", "invitations")) != 0 {
		t.Errorf("decline: %d", status)
	}
	for _, odd := range []string{"x", "0", "99999999999999999999"} {
		if status, _ := r.ask("tester2", http.MethodPut, "/depots/invitations/"+odd, ""); status != 404 {
			t.Errorf("%s: %d", odd, status)
		}
	}
}

func TestKeyOfDocumentsIsPublic(t *testing.T) {
	r := newRig(t)
	status, body := r.ask("", http.MethodGet, "/depots/key", "")
	var key depotlist.Key
	if err := json.Unmarshal([]byte(body), &key); status != 200 || err != nil || key.URL != "https://gateway.example/" || len(key.ID) != 16 {
		t.Fatalf("%d %s", status, body)
	}
	public, err := base64.StdEncoding.DecodeString(key.Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	document, err := base64.StdEncoding.DecodeString(r.documents.Make(r.depot))
	if err != nil {
		t.Fatal(err)
	}
	signed, line, _ := strings.Cut(string(document), "\n")
	signature, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(line, "ed25519."+key.ID+"."))
	if err != nil || !ed25519.Verify(public, []byte(signed), signature) {
		t.Errorf("the key does not fit a document: %v", err)
	}
	none := mux.NewRouter()
	depotlist.New(r.f.Gateway.Depots, nil, r.f.Auth).Routes(none)
	w := httptest.NewRecorder()
	none.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/depots/key", nil))
	if w.Code != 404 {
		t.Errorf("a gateway without documents: %d", w.Code)
	}
}

func TestS46PagesOfOthersCannotClaim(t *testing.T) {
	r := newRig(t)
	for _, headers := range [][]string{{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site"}} {
		if status, _ := r.ask("tester2", http.MethodPost, "/depots/claims", r.claimBody(), headers...); status != 403 || r.holds("tester2") {
			t.Errorf("%v: %d", headers, status)
		}
	}
	if status, _ := r.ask("tester2", http.MethodPost, "/depots/claims", r.claimBody(), "Origin", "http://example.com"); status != 200 {
		t.Errorf("from its own origin: %d", status)
	}
}

func TestMethodsThatAreNotUnderstood(t *testing.T) {
	r := newRig(t)
	if status, _ := r.ask("tester", http.MethodPatch, "/depots", ""); status != 405 {
		t.Errorf("PATCH: %d", status)
	}
	if status, _ := r.ask("tester", http.MethodGet, "/depots/other", ""); status != 404 {
		t.Errorf("an unknown path: %d", status)
	}
}
