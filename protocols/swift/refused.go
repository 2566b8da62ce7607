package swift

import (
	"net/http"
	"strings"

	"entrepot/gateway"
)

// checkHeaders refuses a change whose headers ask for what only the server
// sets, or for a container synchronisation, of which no realm is configured.
func checkHeaders(r *http.Request, ref gateway.Ref) error {
	if readsOnly(r.Method) {
		return nil
	}
	if ref.Object != "" {
		if r.Header.Get("X-Static-Large-Object") != "" {
			return refuse(http.StatusBadRequest, "X-Static-Large-Object is a reserved header. To create a static large object add query param multipart-manifest=put.")
		}
		return nil
	}
	if value := r.Header.Get("X-Container-Sync-To"); value != "" && ref.Container != "" {
		return refuse(http.StatusBadRequest, "No realm key for '"+syncRealm(value)+"'")
	}
	return nil
}

func readsOnly(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// syncRealm takes the realm out of "//realm/cluster/account/container".
func syncRealm(value string) string {
	realm, _, _ := strings.Cut(strings.TrimLeft(value, "/"), "/")
	return realm
}
