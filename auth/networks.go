package auth

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Networks is a set of addresses given as single addresses and prefixes: an
// allow-list, or the proxies to be trusted. The zero value holds none.
type Networks struct {
	prefixes []netip.Prefix
}

// ParseNetworks reads a list whose entries are IPv4 or IPv6 addresses or
// prefixes such as 10.0.0.0/8. White space around an entry is dropped; host
// bits of a prefix are ignored; IPv4 addresses in IPv6 form mean the IPv4
// address. An empty, zoned or otherwise malformed entry fails the whole list,
// so that a slip of the pen never opens or closes a door silently.
func ParseNetworks(list []string) (Networks, error) {
	var n Networks
	for _, entry := range list {
		p, err := parseNetwork(strings.TrimSpace(entry))
		if err != nil {
			return Networks{}, fmt.Errorf("auth: network %q: %w", entry, err)
		}
		n.prefixes = append(n.prefixes, p)
	}
	return n, nil
}

func parseNetwork(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		if addr.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("a zone cannot be listed")
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("a prefix of mapped IPv4 addresses needs at least 96 bits")
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// Contains tells whether addr is listed. IPv4 addresses in IPv6 form are
// unmapped and zones dropped first. The empty list and the zero address give
// false.
func (n Networks) Contains(addr netip.Addr) bool {
	addr = canonical(addr)
	for _, p := range n.prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// Empty tells whether nothing is listed; what that means (nobody, everybody)
// is the caller's rule.
func (n Networks) Empty() bool { return len(n.prefixes) == 0 }

// Strings returns the entries in canonical spelling.
func (n Networks) Strings() []string {
	list := make([]string, len(n.prefixes))
	for i, p := range n.prefixes {
		list[i] = p.String()
	}
	return slices.Clip(list)
}

// canonical is the one form in which addresses are compared.
func canonical(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// allowed tells whether a credential that is limited to the listed networks
// may be used from addr; an empty list allows every address, a malformed one
// none.
func allowed(list []string, addr netip.Addr) bool {
	if len(list) == 0 {
		return true
	}
	n, err := ParseNetworks(list)
	return err == nil && n.Contains(addr)
}
