package auth_test

import (
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

// The requests under testdata/depot were signed by other programs with this
// text, as the salt and as the HMAC key.
const exampleSalt = "d3b07384d113edec49eaa6238ad5ff00"

var exampleKeys = auth.DepotKeys{Salt: auth.NewSecret(exampleSalt), HMACKey: auth.NewSecret(exampleSalt)}

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDepotProofsOfOtherProgramsFit(t *testing.T) {
	bodies, err := filepath.Glob("testdata/depot/*.xml")
	if err != nil || len(bodies) < 6 {
		t.Fatalf("%d vectors, %v", len(bodies), err)
	}
	for _, name := range bodies {
		body := read(t, name)
		sum := read(t, strings.TrimSuffix(name, ".xml")+".md5")
		mac := read(t, strings.TrimSuffix(name, ".xml")+".hmac")
		for _, query := range []url.Values{
			{"checksum": {sum}}, {"hmac": {mac}}, {"checksum": {sum}, "hmac": {mac}}, {"checksum": {sum}, "other": {"x", "y"}},
		} {
			if got := auth.VerifyDepot(query, []byte(body), exampleKeys); got != auth.DepotProven {
				t.Errorf("%s with %v: %v", name, query, got)
			}
			for _, changed := range []string{body + "\n", strings.TrimSuffix(body, body[len(body)-1:]), "\ufeff" + body} {
				if got := auth.VerifyDepot(query, []byte(changed), exampleKeys); got != auth.DepotWrong {
					t.Errorf("%s changed, with %v: %v", name, query, got)
				}
			}
		}
	}
}

// TestDepotChecksumOfAPublishedClient is a triple from the test suite of the
// vendor's Ruby client.
func TestDepotChecksumOfAPublishedClient(t *testing.T) {
	const body = "<?xml version='1.0' encoding='UTF-8' ?><teamdrive><apiversion>1.0.005</apiversion>" +
		"<command>getuserdata</command><requesttime>0</requesttime><username>foo</username></teamdrive>"
	if got := auth.DepotChecksum([]byte(body), auth.NewSecret("a1b2c3")); got != "ed5ad65edd718cda603e1a24567408f7" {
		t.Errorf("checksum %s", got)
	}
}

// TestDepotHMACOfRFC4231 is test case 2 of RFC 4231.
func TestDepotHMACOfRFC4231(t *testing.T) {
	const want = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	if got := auth.DepotHMAC([]byte("what do ya want for nothing?"), auth.NewSecret("Jefe")); got != want {
		t.Errorf("hmac %s", got)
	}
}

func TestDepotVerdicts(t *testing.T) {
	body := []byte("<x/>")
	salt, old, key := auth.NewSecret(strings.Repeat("s", 16)), auth.NewSecret(strings.Repeat("o", 16)), auth.NewSecret(strings.Repeat("k", 32))
	sum, oldSum, mac := auth.DepotChecksum(body, salt), auth.DepotChecksum(body, old), auth.DepotHMAC(body, key)
	raw, err := hex.DecodeString(sum)
	if err != nil {
		t.Fatal(err)
	}
	keys := auth.DepotKeys{Salt: salt, PreviousSalt: old, HMACKey: key}
	only := auth.DepotKeys{HMACKey: key, Salt: salt, RefuseMD5: true}
	plain := auth.DepotKeys{Salt: salt}
	optional := auth.DepotKeys{Salt: salt, Optional: true}
	none := auth.DepotKeys{}
	for name, c := range map[string]struct {
		keys  auth.DepotKeys
		query url.Values
		want  auth.DepotVerdict
	}{
		"nothing":                      {keys, nil, auth.DepotMissing},
		"other parameters":             {keys, url.Values{"sum": {sum}}, auth.DepotMissing},
		"parameter in another case":    {keys, url.Values{"Checksum": {sum}}, auth.DepotMissing},
		"right":                        {keys, url.Values{"checksum": {sum}}, auth.DepotProven},
		"previous salt":                {keys, url.Values{"checksum": {oldSum}}, auth.DepotProven},
		"previous salt, not set":       {plain, url.Values{"checksum": {oldSum}}, auth.DepotWrong},
		"empty":                        {keys, url.Values{"checksum": {""}}, auth.DepotWrong},
		"upper case":                   {keys, url.Values{"checksum": {strings.ToUpper(sum)}}, auth.DepotWrong},
		"spaces":                       {keys, url.Values{"checksum": {" " + sum}}, auth.DepotWrong},
		"raw bytes":                    {keys, url.Values{"checksum": {string(raw)}}, auth.DepotWrong},
		"without salt":                 {keys, url.Values{"checksum": {auth.DepotChecksum(body, auth.Secret{})}}, auth.DepotWrong},
		"without salt, none set":       {none, url.Values{"checksum": {auth.DepotChecksum(body, auth.Secret{})}}, auth.DepotWrong},
		"twice":                        {keys, url.Values{"checksum": {sum, sum}}, auth.DepotWrong},
		"hmac":                         {keys, url.Values{"hmac": {mac}}, auth.DepotProven},
		"hmac upper case":              {keys, url.Values{"hmac": {strings.ToUpper(mac)}}, auth.DepotWrong},
		"hmac empty":                   {keys, url.Values{"hmac": {""}}, auth.DepotWrong},
		"hmac twice":                   {keys, url.Values{"hmac": {mac, mac}}, auth.DepotWrong},
		"hmac, no key set":             {plain, url.Values{"hmac": {auth.DepotHMAC(body, auth.Secret{})}}, auth.DepotWrong},
		"right checksum, wrong hmac":   {keys, url.Values{"checksum": {sum}, "hmac": {sum + sum}}, auth.DepotWrong},
		"wrong checksum, right hmac":   {keys, url.Values{"checksum": {"x"}, "hmac": {mac}}, auth.DepotWrong},
		"both":                         {keys, url.Values{"checksum": {sum}, "hmac": {mac}}, auth.DepotProven},
		"checksum where refused":       {only, url.Values{"checksum": {sum}}, auth.DepotMissing},
		"wrong checksum where refused": {only, url.Values{"checksum": {oldSum}}, auth.DepotWrong},
		"hmac where md5 is refused":    {only, url.Values{"hmac": {mac}}, auth.DepotProven},
		"nothing where optional":       {optional, nil, auth.DepotProven},
		"wrong where optional":         {optional, url.Values{"checksum": {oldSum}}, auth.DepotWrong},
	} {
		if got := auth.VerifyDepot(c.query, body, c.keys); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestDepotVerdictsAreTheSecondaryCodes(t *testing.T) {
	if auth.DepotProven != 0 || auth.DepotMissing != 1 || auth.DepotWrong != 2 {
		t.Error("the values have changed")
	}
	for v, want := range map[auth.DepotVerdict]string{0: "proven", 1: "missing", 2: "wrong"} {
		if v.String() != want {
			t.Errorf("%d is %s", v, v)
		}
	}
}

func TestDepotKeysMustBeLong(t *testing.T) {
	long := auth.NewSecret(strings.Repeat("x", 32))
	for name, k := range map[string]auth.DepotKeys{
		"salt": {Salt: auth.NewSecret("short")}, "previous": {Salt: long, PreviousSalt: auth.NewSecret("short")},
		"key": {HMACKey: auth.NewSecret(strings.Repeat("x", 31))},
	} {
		if err := k.Check(); errs.Of(err) != errs.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (auth.DepotKeys{Salt: long, PreviousSalt: long, HMACKey: long}).Check(); err != nil {
		t.Error(err)
	}
}

func TestTheDepotDoorIsOffWithoutSecrets(t *testing.T) {
	long := auth.NewSecret(strings.Repeat("x", 32))
	for _, c := range []struct {
		keys auth.DepotKeys
		want bool
	}{
		{auth.DepotKeys{}, false}, {auth.DepotKeys{PreviousSalt: long}, false}, {auth.DepotKeys{Salt: long}, true},
		{auth.DepotKeys{Salt: long, RefuseMD5: true}, false}, {auth.DepotKeys{HMACKey: long}, true}, {auth.DepotKeys{Optional: true}, true},
	} {
		if got := c.keys.Enabled(); got != c.want {
			t.Errorf("%+v: %v", c.keys, got)
		}
	}
}
