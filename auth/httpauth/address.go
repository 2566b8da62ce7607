package httpauth

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

type addrKey struct{}

// WithAddr returns a context that carries the client's address; the front
// stores there what ClientAddr found.
func WithAddr(ctx context.Context, addr netip.Addr) context.Context {
	return context.WithValue(ctx, addrKey{}, addr)
}

// AddrOf returns the client's address in ctx, the zero Addr when there is
// none: no allow-list holds that.
func AddrOf(ctx context.Context) netip.Addr {
	addr, _ := ctx.Value(addrKey{}).(netip.Addr)
	return addr
}

// ClientAddr returns the address a request came from, unmapped and without
// zone. That is the peer's, unless the peer is one of proxies: then the
// forwarded headers (X-Forwarded-For, Forwarded of RFC 7239, X-Real-IP) are
// read from the right, and the first address that is not a proxy is the
// client's; if all are, the left-most. Several headers must agree, since a
// proxy passes on untouched those that it does not write itself. Anything
// malformed or contradictory is errs.Forbidden with errs.BadAddress.
func ClientAddr(r *http.Request, proxies auth.Networks) (netip.Addr, error) {
	from := peer(r)
	if !from.IsValid() {
		return netip.Addr{}, badAddress("the peer's address is unknown")
	}
	if !proxies.Contains(from) {
		return from, nil
	}
	chains, err := forwarded(r.Header)
	if err != nil {
		return netip.Addr{}, err
	}
	found, trusted := netip.Addr{}, netip.Addr{}
	for _, chain := range chains {
		addr, err := rightmost(chain, proxies)
		switch {
		case err != nil:
			return netip.Addr{}, err
		case proxies.Contains(addr): // says only that a proxy asks, or asked on behalf of others
			if !trusted.IsValid() {
				trusted = addr
			}
		case found.IsValid() && found != addr:
			return netip.Addr{}, badAddress("forwarded headers contradict each other")
		default:
			found = addr
		}
	}
	switch {
	case found.IsValid():
		return found, nil
	case trusted.IsValid():
		return trusted, nil
	}
	return from, nil
}

// rightmost returns the last address of chain that is no proxy, else the
// first.
func rightmost(chain []netip.Addr, proxies auth.Networks) (netip.Addr, error) {
	for i := len(chain) - 1; i >= 0; i-- {
		if !chain[i].IsValid() {
			return netip.Addr{}, badAddress("a forwarded address is hidden")
		}
		if !proxies.Contains(chain[i]) {
			return chain[i], nil
		}
	}
	return chain[0], nil
}

// peer returns the address of the connection, the zero Addr if it has none
// (a Unix socket).
func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// parseHost reads an address as proxies write it: bare, with a port, or IPv6
// in brackets with or without one.
func parseHost(s string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Unmap().WithZone(""), true
	}
	if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
		addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return addr.Unmap().WithZone(""), err == nil && addr.Is6()
	}
	ap, err := netip.ParseAddrPort(s)
	return ap.Addr().Unmap().WithZone(""), err == nil
}

func badAddress(text string) error {
	return errs.New("httpauth.ClientAddr", errs.Forbidden, errs.BadAddress, text)
}
