package admin_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/admin"
)

// BenchmarkDoor calls account.get through the door, over a gateway in memory:
// it shows what the door costs, with a token and with a password that was
// checked before.
func BenchmarkDoor(b *testing.B) {
	f := gatewaytest.NewWith(b, gatewaytest.Plain())
	router := mux.NewRouter().SkipClean(true).UseEncodedPath()
	admin.NewDoor(admin.New(admin.Deps{Accounts: f.Gateway.Accounts}), f.Auth).Routes(router)
	token, _, err := f.Auth.Issue(b.Context(), "tester", "testing", auth.PrincipalOf(f.Ctx("tester")).Address)
	if err != nil {
		b.Fatal(err)
	}
	for name, login := range map[string]func(*http.Request){
		"token":    func(r *http.Request) { r.Header.Set("X-Auth-Token", token.Value) },
		"password": func(r *http.Request) { r.SetBasicAuth("tester", "testing") },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				r := httptest.NewRequest("POST", "/rpc", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"account.get"}`))
				r.Header.Set("Content-Type", "application/json")
				login(r)
				w := httptest.NewRecorder()
				router.ServeHTTP(w, r)
				if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"state":"active"`) {
					b.Fatalf("%d %s", w.Code, w.Body)
				}
			}
		})
	}
}
