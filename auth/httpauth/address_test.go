package httpauth_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway/errs"
)

func proxies(t testing.TB) auth.Networks {
	t.Helper()
	n, err := auth.ParseNetworks([]string{"10.0.0.0/8", "2001:db8:ffff::/48"})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestForwardedHeadersCountOnlyFromProxies(t *testing.T) {
	const client, proxy = "192.0.2.1:4711", "10.0.0.1:4711"
	long := strings.Repeat("192.0.2.9, ", 65) + "192.0.2.9"
	for name, c := range map[string]struct {
		peer    string
		headers []string
		want    string // "" is a refusal
	}{
		"peer alone":                {client, nil, "192.0.2.1"},
		"peer as mapped IPv4":       {"[::ffff:192.0.2.1]:4711", nil, "192.0.2.1"},
		"peer with a zone":          {"[fe80::1%eth0]:4711", nil, "fe80::1"},
		"no peer":                   {"", nil, ""},
		"peer is a Unix socket":     {"@", nil, ""},
		"untrusted, forged":         {client, []string{"X-Forwarded-For", "127.0.0.1"}, "192.0.2.1"},
		"untrusted, all forged":     {client, []string{"X-Forwarded-For", "x", "Forwarded", "for=127.0.0.1", "X-Real-IP", "127.0.0.1", "Client-IP", "127.0.0.1"}, "192.0.2.1"},
		"proxy alone":               {proxy, nil, "10.0.0.1"},
		"proxy as mapped IPv4":      {"[::ffff:10.0.0.1]:80", []string{"X-Forwarded-For", "192.0.2.9"}, "192.0.2.9"},
		"one hop":                   {proxy, []string{"X-Forwarded-For", "192.0.2.9"}, "192.0.2.9"},
		"forged on the left":        {proxy, []string{"X-Forwarded-For", "127.0.0.1, 192.0.2.9"}, "192.0.2.9"},
		"two proxies":               {proxy, []string{"X-Forwarded-For", "127.0.0.1, 192.0.2.9,10.2.2.2"}, "192.0.2.9"},
		"several lines":             {proxy, []string{"X-Forwarded-For", "127.0.0.1", "X-Forwarded-For", "192.0.2.9", "X-Forwarded-For", "10.2.2.2"}, "192.0.2.9"},
		"all are proxies":           {proxy, []string{"X-Forwarded-For", "10.9.9.9, 10.2.2.2"}, "10.9.9.9"},
		"port":                      {proxy, []string{"X-Forwarded-For", "192.0.2.9:1234"}, "192.0.2.9"},
		"IPv6":                      {proxy, []string{"X-Forwarded-For", "2001:db8::9"}, "2001:db8::9"},
		"IPv6 in brackets":          {proxy, []string{"X-Forwarded-For", "[2001:db8::9]"}, "2001:db8::9"},
		"IPv6 with port":            {proxy, []string{"X-Forwarded-For", "[2001:db8::9]:443"}, "2001:db8::9"},
		"mapped IPv4":               {proxy, []string{"X-Forwarded-For", "::ffff:192.0.2.9"}, "192.0.2.9"},
		"mapped proxy":              {proxy, []string{"X-Forwarded-For", "192.0.2.9, ::ffff:10.2.2.2"}, "192.0.2.9"},
		"zone":                      {proxy, []string{"X-Forwarded-For", "fe80::1%eth0"}, "fe80::1"},
		"empty":                     {proxy, []string{"X-Forwarded-For", ""}, ""},
		"empty entry":               {proxy, []string{"X-Forwarded-For", "192.0.2.9, "}, ""},
		"empty entry on the left":   {proxy, []string{"X-Forwarded-For", ", 192.0.2.9"}, ""},
		"a name":                    {proxy, []string{"X-Forwarded-For", "localhost"}, ""},
		"junk on the left":          {proxy, []string{"X-Forwarded-For", "<script>, 192.0.2.9"}, ""},
		"octal":                     {proxy, []string{"X-Forwarded-For", "0300.0.2.9"}, ""},
		"brackets around IPv4":      {proxy, []string{"X-Forwarded-For", "[192.0.2.9]"}, ""},
		"hidden":                    {proxy, []string{"X-Forwarded-For", "unknown"}, ""},
		"hidden on the left":        {proxy, []string{"X-Forwarded-For", "unknown, 192.0.2.9"}, "192.0.2.9"},
		"too many hops":             {proxy, []string{"X-Forwarded-For", long}, ""},
		"too long":                  {proxy, []string{"X-Forwarded-For", "192.0.2.9" + strings.Repeat(" ", 5000)}, ""},
		"real ip":                   {proxy, []string{"X-Real-IP", "192.0.2.9"}, "192.0.2.9"},
		"real ip twice":             {proxy, []string{"X-Real-IP", "192.0.2.9", "X-Real-IP", "192.0.2.9"}, ""},
		"real ip, list":             {proxy, []string{"X-Real-IP", "192.0.2.8, 192.0.2.9"}, ""},
		"headers agree":             {proxy, []string{"X-Forwarded-For", "1.1.1.1, 192.0.2.9", "X-Real-IP", "192.0.2.9", "Forwarded", "for=192.0.2.9"}, "192.0.2.9"},
		"headers disagree":          {proxy, []string{"X-Forwarded-For", "192.0.2.9", "X-Real-IP", "192.0.2.8"}, ""},
		"forged beside the real":    {proxy, []string{"X-Forwarded-For", "192.0.2.9", "Forwarded", "for=127.0.0.1"}, ""},
		"one header names a proxy":  {proxy, []string{"X-Forwarded-For", "192.0.2.9, 10.2.2.2", "X-Real-IP", "10.2.2.2"}, "192.0.2.9"},
		"forwarded":                 {proxy, []string{"Forwarded", "for=192.0.2.9;proto=https;by=203.0.113.43"}, "192.0.2.9"},
		"forwarded, name in caps":   {proxy, []string{"Forwarded", "For=192.0.2.9"}, "192.0.2.9"},
		"forwarded, quoted IPv6":    {proxy, []string{"Forwarded", `for="[2001:db8:cafe::17]:4711"`}, "2001:db8:cafe::17"},
		"forwarded, escapes":        {proxy, []string{"Forwarded", `for="192\.0.2.9";host="a,b;c=\"d\""`}, "192.0.2.9"},
		"forwarded, chain":          {proxy, []string{"Forwarded", "for=127.0.0.1, for=192.0.2.9;by=x , for=10.2.2.2"}, "192.0.2.9"},
		"forwarded, hidden":         {proxy, []string{"Forwarded", "for=_secret"}, ""},
		"forwarded, hidden left":    {proxy, []string{"Forwarded", "for=unknown, for=192.0.2.9"}, "192.0.2.9"},
		"forwarded, no for":         {proxy, []string{"Forwarded", "proto=https"}, ""},
		"forwarded, for twice":      {proxy, []string{"Forwarded", "for=192.0.2.9;for=127.0.0.1"}, ""},
		"forwarded, empty":          {proxy, []string{"Forwarded", ""}, ""},
		"forwarded, empty element":  {proxy, []string{"Forwarded", "for=192.0.2.9,"}, ""},
		"forwarded, open quote":     {proxy, []string{"Forwarded", `for="192.0.2.9`}, ""},
		"forwarded, open escape":    {proxy, []string{"Forwarded", `for="192.0.2.9\`}, ""},
		"forwarded, junk behind":    {proxy, []string{"Forwarded", "for=192.0.2.9 x"}, ""},
		"forwarded, unquoted IPv6":  {proxy, []string{"Forwarded", "for=[2001:db8::1]"}, ""},
		"forwarded, bad name":       {proxy, []string{"Forwarded", "f(r=192.0.2.9"}, ""},
		"forwarded, quoted commata": {proxy, []string{"Forwarded", `for=192.0.2.9;host="x, for=127.0.0.1"`}, "192.0.2.9"},
	} {
		r := request(t, "GET", c.headers...)
		r.RemoteAddr = c.peer
		got, err := httpauth.ClientAddr(r, proxies(t))
		switch {
		case c.want == "":
			if errs.Of(err) != errs.Forbidden || errs.ReasonOf(err) != errs.BadAddress || got.IsValid() {
				t.Errorf("%s: %v, %v, want a refusal", name, got, err)
			}
		case err != nil || got != netip.MustParseAddr(c.want):
			t.Errorf("%s: %v, %v, want %s", name, got, err, c.want)
		}
	}
}

func TestWithoutProxiesNoHeaderCounts(t *testing.T) {
	r := request(t, "GET", "X-Forwarded-For", "127.0.0.1")
	if got, err := httpauth.ClientAddr(r, auth.Networks{}); err != nil || got != home {
		t.Errorf("%v, %v", got, err)
	}
}

func TestTheContextCarriesTheAddress(t *testing.T) {
	if got := httpauth.AddrOf(context.Background()); got.IsValid() {
		t.Errorf("an empty context holds %v", got)
	}
	if got := httpauth.AddrOf(httpauth.WithAddr(context.Background(), home)); got != home {
		t.Errorf("got %v", got)
	}
}

func FuzzClientAddr(f *testing.F) {
	for _, s := range []string{
		"192.0.2.9", "for=192.0.2.9", `for="[2001:db8::1]:80";by=_x, for=unknown`, "", ",", "unknown", "[::1]:1, 10.0.0.1", `for="\`,
	} {
		f.Add(s, s, s)
	}
	trusted := proxies(f)
	f.Fuzz(func(t *testing.T, forwardedFor, forwarded, real string) {
		r := request(t, "GET", "X-Forwarded-For", forwardedFor, "Forwarded", forwarded, "X-Real-IP", real)
		if got, err := httpauth.ClientAddr(r, trusted); err != nil || got != home {
			t.Fatalf("from a stranger: %v, %v", got, err)
		}
		r.RemoteAddr = "10.0.0.1:80"
		got, err := httpauth.ClientAddr(r, trusted)
		if (err == nil) != got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Fatalf("from a proxy: %v, %v", got, err)
		}
	})
}
