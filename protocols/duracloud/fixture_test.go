package duracloud_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/duracloud"
	"entrepot/protocols/internal/httpkit"
	"entrepot/protocols/protocoltest"
)

// fixture is a gateway with account acme, two stores and four users, whose
// passwords are their names.
func fixture(t testing.TB, opt gatewaytest.Options) *gatewaytest.Fixture {
	t.Helper()
	opt.NoUsers = true
	opt.Config.Stores = []gateway.StoreInfo{{ID: 1}, {ID: 2, Type: "SWIFT_S3"}}
	opt.Config.Manifests = duracloud.Manifests{}
	opt.Config.Replication.Pause = -1 // see Advance
	f := gatewaytest.NewWith(t, opt)
	f.AddUser("admin", "acme", "admin", auth.RoleOwner)
	f.AddUser("root", "acme", "root", auth.RoleAdmin)
	f.AddUser("ann", "acme", "ann", auth.RoleUser, "curators")
	f.AddUser("bob", "acme", "bob", auth.RoleUser)
	return f
}

// handler is the door as the front mounts it: behind the router, with an event
// in each request's context.
func handler(t testing.TB, f *gatewaytest.Fixture, cfg duracloud.Config) http.Handler {
	t.Helper()
	if cfg.Account == "" {
		cfg.Account = "acme"
	}
	face, err := duracloud.New(cfg, f.Gateway, f.Auth, nil, f.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	router := mux.NewRouter().SkipClean(true).UseEncodedPath()
	face.Routes(router)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		router.ServeHTTP(w, r.WithContext(httpkit.WithEvent(r.Context(), &httpkit.Event{})))
	})
}

func TestScripts(t *testing.T) {
	protocoltest.RunFresh(t, func(t *testing.T) protocoltest.Fixture {
		f := fixture(t, gatewaytest.Options{})
		return protocoltest.Fixture{
			Handler: handler(t, f, duracloud.Config{}),
			Advance: func(d time.Duration) {
				f.Clock.Advance(d)
				if err := errors.Join(f.Gateway.Replication.Drain(t.Context()), f.Gateway.DoJobs(t.Context())); err != nil {
					t.Error(err)
				}
			},
		}
	}, "testdata/*.txt")
}
