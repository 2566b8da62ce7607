package protocols

import (
	"net"
	"net/http"
	"net/netip"
)

// plainAllowed tells whether a request may be served although nothing hides
// it on its way: it came over TLS, to a loopback listener, from a trusted
// proxy, or the configuration allows all.
func (f *Front) plainAllowed(r *http.Request) bool {
	if r.TLS != nil || f.cfg.AllowPlainHTTP {
		return true
	}
	switch local := r.Context().Value(http.LocalAddrContextKey).(type) {
	case *net.TCPAddr:
		if local.IP.IsLoopback() {
			return true
		}
	case *net.UnixAddr:
		return true
	}
	peer, ok := addrOf(r.RemoteAddr)
	return ok && f.cfg.Proxies.Contains(peer)
}

// addrOf takes the address out of "address:port".
func addrOf(s string) (netip.Addr, bool) {
	ap, err := netip.ParseAddrPort(s)
	return ap.Addr().Unmap().WithZone(""), err == nil
}
