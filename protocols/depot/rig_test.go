package depot_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/depot"
	"entrepot/store"
	"entrepot/store/kv"
)

const (
	salt   = "d3b07384d113edec49eaa6238ad5ff00" // of the vectors
	clock  = 1420070400                         // 2015-01-01, the vectors' time
	listed = "192.0.2.1"
)

// rig is a face over a gateway in the state that the vectors assume.
type rig struct {
	t       testing.TB
	f       *gatewaytest.Fixture
	engine  *faulty
	seconds int64 // the time, of face and gateway
	log     bytes.Buffer
	handler http.Handler
}

// newRig makes a face; change alters its configuration.
func newRig(t testing.TB, change func(*depot.Config)) *rig {
	t.Helper()
	return newRigWith(t, gateway.Config{}, change)
}

// newRigWith makes a face over a gateway of the given configuration.
func newRigWith(t testing.TB, core gateway.Config, change func(*depot.Config)) *rig {
	t.Helper()
	r := &rig{t: t, seconds: clock, engine: &faulty{Engine: gatewaytest.Adversary(t)}}
	wall := gatewaytest.NewClock()
	now := func() time.Time {
		wall.Advance(time.Unix(r.seconds, 0).Sub(wall.Now()))
		return time.Unix(r.seconds, 0)
	}
	now()
	r.f = gatewaytest.NewWith(t, gatewaytest.Options{Engine: r.engine, Clock: wall, Config: core})
	r.plant()
	allow, err := auth.ParseNetworks([]string{listed})
	if err != nil {
		t.Fatal(err)
	}
	cfg := depot.Config{Allow: allow, Keys: auth.DepotKeys{Salt: auth.NewSecret(salt)}}
	if change != nil {
		change(&cfg)
	}
	f, err := depot.New(cfg, r.f.Gateway.Depots, r.f.Auth, slog.New(slog.NewTextHandler(&r.log, nil)), now)
	if err != nil {
		t.Fatal(err)
	}
	router := mux.NewRouter().SkipClean(true).UseEncodedPath()
	f.Routes(router)
	r.handler = router
	return r
}

// plant writes the depot and spaces of the vectors, with their numbers, times
// and counters.
func (r *rig) plant() {
	r.t.Helper()
	made := store.StampOf(time.Date(2014, 7, 25, 15, 6, 41, 0, time.UTC))
	spaces := []struct {
		id             uint64
		name           string
		bytes, traffic int64
	}{{41, "one", 786432, 1572864}, {42, "two", 262144, 524288}}
	const owner = "YourUserName"
	guards := []store.Guard{
		store.LockUser(owner), store.LockAccount(owner, false), store.LockDepot(17, false), store.LockSequence(store.SequenceDepot),
	}
	for _, s := range spaces {
		guards = append(guards, store.LockContainer(s.id, false), store.LockName(owner, s.name))
	}
	err := r.f.Store.Update(r.t.Context(), guards, func(tx *store.Tx) error {
		tx.PutAccount(&store.Account{Name: owner, Created: made})
		tx.PutUser(&store.User{Name: owner, Account: owner, Role: string(auth.RoleOwner), PasswordVersion: 1, Created: made})
		tx.PutDepot(nil, &store.Depot{
			ID: 17, Owner: owner, Account: owner, Created: made, Contract: "C-1001", StorageLimit: 5368709120,
			TrafficLimit: 53687091200, Users: []string{"alice", "bob"}, Epoch: 1,
		})
		for _, s := range spaces {
			c := store.Container{ID: s.id, Account: owner, Name: s.name, Depot: 17, Creator: owner, Created: made, Modified: made}
			tx.CreateContainer(&c)
			tx.PutObject(&c, nil, &store.Object{Name: "x", Written: made, Timestamp: made, Content: store.Content{Size: s.bytes}}, made)
			tx.AddTraffic(s.id, 17, 2015*12, s.traffic)
		}
		_, err := tx.NextInSequence(store.SequenceDepot, 17)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// depot reads a depot of the vectors' owner.
func (r *rig) depot(id uint64) gateway.Depot {
	r.t.Helper()
	return r.depotOf("YourUserName", id)
}

func (r *rig) depotOf(user string, id uint64) gateway.Depot {
	r.t.Helper()
	list, err := r.f.Gateway.Depots.Owned(r.f.Operator(), user, id, false)
	if err != nil {
		r.t.Fatal(err)
	}
	return list[0]
}

// history returns what was changed last about the vectors' depot.
func (r *rig) history() gateway.DepotEntry {
	r.t.Helper()
	list, err := r.f.Gateway.Depots.History(r.f.Operator(), "YourUserName", 17, 1)
	if err != nil || len(list) == 0 {
		r.t.Fatal(list, err)
	}
	return list[0]
}

// send posts a body to the API with the query and returns the answer.
func (r *rig) send(body []byte, query string, change func(*http.Request)) *httptest.ResponseRecorder {
	r.t.Helper()
	q := httptest.NewRequest(http.MethodPost, "/RPC2?"+query, bytes.NewReader(body))
	q = q.WithContext(httpauth.WithAddr(q.Context(), netip.MustParseAddr(listed)))
	if change != nil {
		change(q)
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, q)
	return w
}

// call signs a body, sends it and returns the reply's text.
func (r *rig) call(body string) string {
	r.t.Helper()
	return r.send([]byte(body), signed([]byte(body)), nil).Body.String()
}

func signed(body []byte) string {
	return "checksum=" + auth.DepotChecksum(body, auth.NewSecret(salt))
}

// from makes a request come from an address.
func from(addr string) func(*http.Request) {
	return func(q *http.Request) { *q = *q.WithContext(httpauth.WithAddr(q.Context(), netip.MustParseAddr(addr))) }
}

// vector reads a file of the vectors.
func vector(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// td makes a request of TD at the vectors' time.
func td(command, inner string) string {
	return "<teamdrive><command>" + command + "</command><requesttime>1420070400</requesttime>" + inner + "</teamdrive>"
}

// tdFault is a reply of TD without the version.
func tdFault(primary, secondary, message string) string {
	return "<exception><primarycode>" + primary + "</primarycode><secondarycode>" + secondary +
		"</secondarycode><message>" + message + "</message></exception></teamdrive>"
}

// documents are the documents of the vector.
func documents(t testing.TB) *gateway.Documents {
	t.Helper()
	seed, err := hex.DecodeString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
	if err != nil {
		t.Fatal(err)
	}
	d, err := gateway.NewDocuments("https://gateway.example/", auth.NewSecret("vector-document-secret"), ed25519.NewKeyFromSeed(seed))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func withDocuments(t testing.TB) func(*depot.Config) {
	return func(c *depot.Config) { c.Documents = documents(t) }
}

// faulty is an engine that fails, or panics, for the calls of the depot API.
type faulty struct {
	kv.Engine
	fail   error
	panics bool
}

func (e *faulty) trouble(ctx context.Context) error {
	if !auth.PrincipalOf(ctx).Operator {
		return nil
	}
	if e.panics {
		panic("broken engine")
	}
	return e.fail
}

func (e *faulty) View(ctx context.Context, fn func(kv.Reader) error) error {
	if err := e.trouble(ctx); err != nil {
		return err
	}
	return e.Engine.View(ctx, fn)
}

func (e *faulty) Update(ctx context.Context, locks []kv.Lock, fn func(kv.Tx) error) error {
	if err := e.trouble(ctx); err != nil {
		return err
	}
	return e.Engine.Update(ctx, locks, fn)
}

// check looks whether the store is sound, but for the content that the
// vectors' state only pretends to have.
func check(t *testing.T, r *rig) {
	t.Helper()
	_, err := r.f.Store.Check(t.Context(), store.CheckOptions{Found: func(f store.Finding) {
		if !strings.Contains(f.Where, `"x"`) {
			t.Errorf("%s: %s", f.Where, f.Reason)
		}
	}})
	if err != nil {
		t.Error(err)
	}
}
