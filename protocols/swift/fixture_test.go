package swift_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/internal/httpkit"
	"entrepot/protocols/protocoltest"
	"entrepot/protocols/swift"
)

// requestID is the ID that the fixture gives every request.
const requestID = "tx628627fea9104686a3662-006b026193"

// handler is the door as the front mounts it: behind the router, with an event
// in each request's context.
func handler(t testing.TB, f *gatewaytest.Fixture, cfg swift.Config) http.Handler {
	t.Helper()
	face, err := swift.New(cfg, f.Gateway, f.Auth, f.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	router := mux.NewRouter().SkipClean(true).UseEncodedPath()
	face.Routes(router)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := httpkit.WithEvent(r.Context(), &httpkit.Event{ReqID: requestID})
		router.ServeHTTP(w, r.WithContext(ctx))
	})
}

func TestScripts(t *testing.T) {
	runScripts(t, swift.Config{}, "testdata/*.txt")
}

func TestAccountsAreNotManagedWhereThatIsSwitchedOff(t *testing.T) {
	runScripts(t, swift.Config{NoAccountManagement: true}, "testdata/unmanaged/*.txt")
}

// runScripts runs request scripts against doors of one configuration.
func runScripts(t *testing.T, cfg swift.Config, pattern string) {
	t.Helper()
	protocoltest.RunFresh(t, func(t *testing.T) protocoltest.Fixture {
		f := gatewaytest.NewWith(t, gatewaytest.Options{Config: gateway.Config{RemovalDelay: time.Hour}})
		return protocoltest.Fixture{
			Handler: handler(t, f, cfg),
			Advance: func(d time.Duration) {
				f.Clock.Advance(d)
				if _, err := f.Store.ReapAccounts(t.Context()); err != nil {
					t.Error(err)
				}
			},
		}
	}, pattern)
}
