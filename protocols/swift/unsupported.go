package swift

import (
	"net/http"
	"strings"

	"entrepot/gateway"
)

// What Swift has and this door does not yet. Each of these changes what a
// request means: ignored, a manifest would be an empty file and a deletion of
// one version the deletion of the object. So they are refused, with 501 and a
// text that names them.

// unsupportedHeaders are refused with a value; a blank one asks to remove or
// change nothing and is let through.
var unsupportedHeaders = [...]struct {
	level  func(gateway.Ref) bool
	header string
}{
	{isAccount, "X-Account-Access-Control"},
	{isContainer, "X-Versions-Location"},
	{isContainer, "X-History-Location"},
	{isObject, "X-If-Delete-At"},
}

// unsupportedParams are refused wherever they stand in a query.
var unsupportedParams = [...]struct {
	level  func(gateway.Ref) bool
	param  string
	values []string // refused values; none: any
}{
	{isContainer, "versions", nil},
	{isObject, "version-id", nil},
}

func isAny(gateway.Ref) bool         { return true }
func isAccount(r gateway.Ref) bool   { return r.Container == "" }
func isContainer(r gateway.Ref) bool { return r.Container != "" && r.Object == "" }
func isObject(r gateway.Ref) bool    { return r.Object != "" }
func readsOnly(method string) bool   { return method == http.MethodGet || method == http.MethodHead }
func unsupported(feature string) error {
	return refuse(http.StatusNotImplemented, feature+" is not supported by this server")
}

// checkSupported refuses a request that asks for what the door does not have.
func checkSupported(r *http.Request, ref gateway.Ref) error {
	if r.URL.RawQuery != "" {
		if err := checkParams(r.URL.RawQuery, ref); err != nil {
			return err
		}
	}
	if readsOnly(r.Method) {
		return nil
	}
	for _, u := range &unsupportedHeaders {
		if values, ok := r.Header[u.header]; ok && joined(values) != "" && u.level(ref) {
			return unsupported(u.header)
		}
	}
	if v := r.Header.Get("X-Versions-Enabled"); isContainer(ref) && isTrue(v) {
		return unsupported("X-Versions-Enabled")
	}
	if r.Header.Get("X-Static-Large-Object") != "" && isObject(ref) {
		return refuse(http.StatusBadRequest, "X-Static-Large-Object is set by the server")
	}
	if value := r.Header.Get("X-Container-Sync-To"); value != "" && isContainer(ref) {
		return refuse(http.StatusBadRequest, "No realm key for '"+syncRealm(value)+"'")
	}
	return nil
}

// checkParams refuses query parameters.
func checkParams(rawQuery string, ref gateway.Ref) error {
	for key, value := range params(rawQuery) {
		for _, u := range &unsupportedParams {
			if key != u.param || !u.level(ref) {
				continue
			}
			if len(u.values) == 0 {
				return unsupported("The parameter " + key)
			}
			for _, v := range u.values {
				if strings.EqualFold(v, value) {
					return unsupported("The parameter " + key + "=" + v)
				}
			}
		}
	}
	return nil
}

// syncRealm takes the realm out of "//realm/cluster/account/container".
func syncRealm(value string) string {
	realm, _, _ := strings.Cut(strings.TrimLeft(value, "/"), "/")
	return realm
}
