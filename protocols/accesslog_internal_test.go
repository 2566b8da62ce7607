package protocols

import (
	"strings"
	"testing"
)

const loggedTestKey = "0123456789ABCDEF0123456789abcDEF"

func TestLogsTellTheLastDigitsOfAnAPIKey(t *testing.T) {
	digits := ""
	for _, c := range []byte(loggedTestKey) {
		const hex = "0123456789ABCDEF"
		digits += "%" + string(hex[c>>4]) + string(hex[c&15])
	}
	for path, want := range map[string]string{
		"/nothing/x":                                                 "/nothing/x",
		"/nothing/x;api_key=" + loggedTestKey:                        "/nothing/x;api_key=***cDEF",
		"/nothing/x;API_KEY=" + loggedTestKey + ";depth=1":           "/nothing/x;api_key=***cDEF",
		"/nothing/x;depth=1;api_key=" + loggedTestKey + "/y/z":       "/nothing/x;api_key=***cDEF",
		"/nothing/x%3Bapi_key=" + loggedTestKey:                      "/nothing/x;api_key=***cDEF",
		"/nothing/x%3bapi_key%3D" + loggedTestKey:                    "/nothing/x;api_key=***cDEF",
		"/nothing/x%3b%61pi%5Fkey%3d" + digits:                       "/nothing/x;api_key=***cDEF",
		"/nothing/x%253Bapi_key%253D" + loggedTestKey:                "/nothing/x;api_key=***cDEF",
		"/nothing/x%25253Bapi_key%25253D" + loggedTestKey:            "/nothing/x;api_key=***cDEF",
		"/nothing/x;depth=1":                                         "/nothing/x",
		"/nothing/x;token=secret":                                    "/nothing/x",
		"/nothing/x;api_key=":                                        "/nothing/x;api_key=***",
		"/nothing/x;api_key=abcd":                                    "/nothing/x;api_key=***",
		"/nothing/x;api_key=" + loggedTestKey + "0":                  "/nothing/x;api_key=***",
		"/nothing/x;api_key=%zz" + loggedTestKey:                     "/nothing/x;api_key=***",
		"/" + strings.Repeat("x", 500):                               "/" + strings.Repeat("x", maxLoggedPath-1),
		"/" + strings.Repeat("x", 500) + ";api_key=" + loggedTestKey: "/" + strings.Repeat("x", maxLoggedPath-1) + ";api_key=***cDEF",
	} {
		if got := loggedPath(path); got != want {
			t.Errorf("%s is logged as %s, want %s", path, got, want)
		}
	}
}

// FuzzLoggedPath holds that no log line holds more than four digits of a key
// behind a semicolon, and that lines stay short.
func FuzzLoggedPath(f *testing.F) {
	for _, s := range [][2]string{{"/x", ""}, {"/x;a=b", "/y"}, {"/x%3bdepth%3d1", ";"}, {"/%", "%3b"}, {"/%253b;/", "%25"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		for _, mark := range []string{";api_key=", "%3Bapi_key=", "%3bapi_key%3D"} {
			got := loggedPath(before + mark + loggedTestKey + after)
			if strings.Contains(got, "789abcDEF") || len(got) > maxLoggedPath+len(";api_key=***cDEF") {
				t.Fatalf("%q", got)
			}
		}
	})
}
