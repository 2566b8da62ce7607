package httpkit

import (
	"net/http"
	"net/netip"
	"strconv"

	"entrepot/auth"
)

// BaseURL returns scheme, host and port under which the client sees the
// gateway: public when it is configured, else those of the request. Behind one
// of proxies X-Forwarded-Proto names the scheme.
func BaseURL(r *http.Request, public string, proxies auth.Networks) string {
	if public != "" {
		return public
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && proxies.Contains(peer.Addr()) {
		if v := r.Header.Get("X-Forwarded-Proto"); v == "http" || v == "https" {
			scheme = v
		}
	}
	return scheme + "://" + r.Host
}

// SetLength sets the length of a body.
func SetLength(h http.Header, n int) { h.Set("Content-Length", strconv.Itoa(n)) }
