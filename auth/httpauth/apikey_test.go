package httpauth_test

import (
	"strings"
	"testing"

	"entrepot/auth/httpauth"
	"entrepot/gateway/errs"
)

func TestTheAPIKeyIsInTheHeaderOrTheParameter(t *testing.T) {
	const header = "X-TeraCLOUD-API-KEY"
	lower := strings.ToLower(apiKey)
	for name, c := range map[string]struct {
		headers   []string
		parameter string
		key       string
		bad       bool
	}{
		"neither":                    {},
		"empty ones":                 {headers: []string{header, ""}},
		"header":                     {headers: []string{header, apiKey}, key: apiKey},
		"header in another case":     {headers: []string{"x-teracloud-api-key", lower}, key: lower},
		"parameter":                  {parameter: lower, key: lower},
		"both, the same":             {headers: []string{header, apiKey}, parameter: apiKey, key: apiKey},
		"both, cases differ":         {headers: []string{header, apiKey}, parameter: lower, key: lower},
		"both, different":            {headers: []string{header, apiKey}, parameter: revokedKey, bad: true},
		"empty header and parameter": {headers: []string{header, ""}, parameter: apiKey, key: apiKey},
		"header twice, the same":     {headers: []string{header, apiKey, header, lower}, key: apiKey},
		"header twice, different":    {headers: []string{header, apiKey, header, revokedKey}, bad: true},
		"malformed, as it came":      {headers: []string{header, "0123"}, key: "0123"},
		"malformed and good":         {headers: []string{header, "0123"}, parameter: apiKey, bad: true},
	} {
		key, err := httpauth.APIKey(request(t, "GET", c.headers...), c.parameter)
		if key != c.key || (err != nil) != c.bad || c.bad && (errs.Of(err) != errs.Forbidden || errs.ReasonOf(err) != errs.BadKey) {
			t.Errorf("%s: %q, %v", name, key, err)
		}
	}
}

func TestALabelledRequestIsRefusedForItsKey(t *testing.T) {
	s, token := service(t)
	ask := httpauth.Labelled(s, httpauth.First(httpauth.SwiftToken(s), httpauth.Basic(s)))
	const header = "X-TeraCLOUD-API-KEY"
	user := []string{"Authorization", basic("tester:pass:word")}
	for name, c := range map[string]struct {
		headers           []string
		user, application string
		kind              errs.Kind // Other: no error
		reason            errs.Reason
	}{
		"no key":                {user, "tester", "", 0, ""},
		"an empty one":          {append(user, header, ""), "tester", "", 0, ""},
		"a key":                 {append(user, header, apiKey), "tester", "phone", 0, ""},
		"in lower case":         {append(user, header, strings.ToLower(apiKey)), "tester", "phone", 0, ""},
		"beside a token":        {[]string{"X-Auth-Token", token, header, apiKey}, "tester", "phone", 0, ""},
		"beside nothing":        {[]string{header, apiKey}, "", "", 0, ""},
		"bad, beside nothing":   {[]string{header, "0123"}, "", "", 0, ""},
		"wrong password":        {[]string{"Authorization", basic("tester:wrong"), header, apiKey}, "", "", errs.Unauthenticated, ""},
		"malformed":             {append(user, header, "0123"), "", "", errs.Forbidden, errs.BadKey},
		"far too long":          {append(user, header, strings.Repeat("0", 1<<16)), "", "", errs.Forbidden, errs.BadKey},
		"unknown":               {append(user, header, strings.Repeat("0", 32)), "", "", errs.Forbidden, ""},
		"revoked":               {append(user, header, revokedKey), "", "", errs.Forbidden, errs.KeyRevoked},
		"application stopped":   {append(user, header, stoppedKey), "", "", errs.Forbidden, errs.ApplicationStopped},
		"two different headers": {append(user, header, apiKey, header, revokedKey), "", "", errs.Forbidden, errs.BadKey},
	} {
		p, err := ask.Authenticate(request(t, "GET", c.headers...))
		if c.kind == errs.Other && err != nil || c.kind != errs.Other && (errs.Of(err) != c.kind || errs.ReasonOf(err) != c.reason) {
			t.Errorf("%s: %v", name, err)
		}
		if p.User != c.user || p.Application != c.application {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// FuzzAPIKey holds that only one key comes out of a request, as it came, and
// that nothing but a known key labels it.
func FuzzAPIKey(f *testing.F) {
	for _, seed := range [][3]string{
		{"", "", ""}, {apiKey, "", ""}, {"", apiKey, apiKey}, {strings.ToLower(apiKey), apiKey, ""}, {apiKey, revokedKey, ""},
		{"0123", " ", "\x00"}, {strings.Repeat("g", 32), "", strings.Repeat("A", 33)}, {"0A0a\u212a", "0A0aK", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	s, _ := service(f)
	f.Fuzz(func(t *testing.T, first, second, parameter string) {
		r := request(t, "GET", "Authorization", basic("tester:pass:word"))
		r.Header["X-Teracloud-Api-Key"] = []string{first, second}
		key, err := httpauth.APIKey(r, parameter)
		for _, given := range []string{first, second, parameter} {
			if err == nil && given != "" && !strings.EqualFold(given, key) {
				t.Fatalf("%q was overlooked beside %q", given, key)
			}
		}
		if err != nil && key != "" || err == nil && key != "" && key != first && key != second && key != parameter {
			t.Fatalf("%q, %v", key, err)
		}
		p, err := httpauth.Labelled(s, httpauth.Basic(s)).Authenticate(r)
		if (p.Application != "") != (err == nil && p.User != "" && strings.EqualFold(first+second, apiKey) || strings.EqualFold(first, apiKey) && strings.EqualFold(second, apiKey)) {
			t.Fatalf("%q and %q: %+v, %v", first, second, p, err)
		}
	})
}
