package depot_test

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/depot"
	"entrepot/protocols/protocoltest"
)

// TestScripts runs the scripts against a whole gateway in memory, each against
// one of its own. Proofs are optional there, so that the scripts show requests
// as they are; what is proven how, the other tests say.
func TestScripts(t *testing.T) {
	protocoltest.RunFresh(t, func(t *testing.T) protocoltest.Fixture {
		g := gatewaytest.New(t)
		allow, err := auth.ParseNetworks([]string{"127.0.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		face, err := depot.New(depot.Config{Allow: allow, Keys: auth.DepotKeys{Optional: true}, Documents: documents(t)},
			g.Gateway.Depots, g.Auth, slog.New(slog.DiscardHandler), g.Clock.Now)
		if err != nil {
			t.Fatal(err)
		}
		router := mux.NewRouter().SkipClean(true).UseEncodedPath()
		face.Routes(router)
		router.HandleFunc("/fill/{user}/{container}", fill(t, g))
		return protocoltest.Fixture{
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				router.ServeHTTP(w, r.WithContext(httpauth.WithAddr(r.Context(), netip.MustParseAddr("127.0.0.1"))))
			}),
			Advance: g.Clock.Advance,
			Vars: map[string]string{
				"now":   strconv.FormatInt(g.Clock.Now().Unix(), 10),
				"later": strconv.FormatInt(g.Clock.Now().Unix()+3600, 10),
			},
		}
	}, "testdata/*.txt")
}

// fill stands for the other doors: it makes a container of the user's and puts
// the body into it.
func fill(t *testing.T, g *gatewaytest.Fixture) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, container := mux.Vars(r)["user"], mux.Vars(r)["container"]
		ref := gateway.Ref{Account: strings.Replace(user, "tester", "test", 1), Container: container, Object: "object"}
		ctx := g.Ctx(user)
		if _, err := g.Gateway.Containers.Create(ctx, gateway.Ref{Account: ref.Account, Container: container}, gateway.ContainerChange{}); err != nil {
			t.Error(err)
		}
		if _, err := g.Gateway.Objects.Put(ctx, ref, r.Body, gateway.PutOptions{Size: r.ContentLength}); err != nil {
			t.Error(err)
		}
	}
}
