package swift

import (
	"net/http"
	"strings"

	"entrepot/gateway"
)

// What Swift has and this door does not. Each of these changes what a request
// means, so it is refused, with 501 and a text that names it, and not ignored.

// unsupportedHeaders are refused with a value; a blank one asks to remove or
// change nothing and is let through.
var unsupportedHeaders = [...]struct {
	level  func(gateway.Ref) bool
	header string
}{
	{isObject, "X-If-Delete-At"},
}

func isContainer(r gateway.Ref) bool { return r.Container != "" && r.Object == "" }
func isObject(r gateway.Ref) bool    { return r.Object != "" }
func readsOnly(method string) bool   { return method == http.MethodGet || method == http.MethodHead }
func unsupported(feature string) error {
	return refuse(http.StatusNotImplemented, feature+" is not supported by this server")
}

// checkSupported refuses a request that asks for what the door does not have.
func checkSupported(r *http.Request, ref gateway.Ref) error {
	if readsOnly(r.Method) {
		return nil
	}
	for _, u := range &unsupportedHeaders {
		if values, ok := r.Header[u.header]; ok && joined(values) != "" && u.level(ref) {
			return unsupported(u.header)
		}
	}
	if r.Header.Get("X-Static-Large-Object") != "" && isObject(ref) {
		return refuse(http.StatusBadRequest, "X-Static-Large-Object is set by the server")
	}
	if value := r.Header.Get("X-Container-Sync-To"); value != "" && isContainer(ref) {
		return refuse(http.StatusBadRequest, "No realm key for '"+syncRealm(value)+"'")
	}
	return nil
}

// syncRealm takes the realm out of "//realm/cluster/account/container".
func syncRealm(value string) string {
	realm, _, _ := strings.Cut(strings.TrimLeft(value, "/"), "/")
	return realm
}
