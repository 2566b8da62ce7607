package auth_test

import (
	"net/netip"
	"slices"
	"testing"

	"entrepot/auth"
)

func TestNetworksCompareCanonicalAddresses(t *testing.T) {
	n, err := auth.ParseNetworks([]string{"192.0.2.7", " 10.1.2.3/8 ", "2001:db8::/32", "::ffff:198.51.100.0/120", "fe80::1", "::1"})
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{
		"192.0.2.7": true, "::ffff:192.0.2.7": true, "192.0.2.8": false, "10.255.0.1": true, "::ffff:10.0.0.1": true,
		"11.0.0.1": false, "2001:db8:1::2": true, "2001:db9::": false, "198.51.100.200": true, "198.51.101.1": false,
		"fe80::1%eth0": true, "fe80::1": true, "fe80::2": false, "::1": true, "::": false, "0.0.0.0": false,
		"::192.0.2.7": false,
	} {
		if got := n.Contains(netip.MustParseAddr(addr)); got != want {
			t.Errorf("Contains(%s) = %v", addr, got)
		}
	}
	if n.Contains(netip.Addr{}) {
		t.Error("the zero address is listed")
	}
	want := []string{"192.0.2.7/32", "10.0.0.0/8", "2001:db8::/32", "198.51.100.0/24", "fe80::1/128", "::1/128"}
	if got := n.Strings(); !slices.Equal(got, want) {
		t.Errorf("Strings = %v", got)
	}
}

func TestAnEmptyListHoldsNobody(t *testing.T) {
	n, err := auth.ParseNetworks(nil)
	if err != nil || !n.Empty() || n.Contains(home) {
		t.Errorf("%v, %v", n, err)
	}
}

func TestOneBadEntryFailsTheList(t *testing.T) {
	for _, bad := range []string{
		"", " ", "localhost", "10.0.0.1:80", "10.0.0.0/33", "10.0.0.0/", "10.0.0/8", "[::1]", "fe80::1%eth0", "fe80::%1/64",
		"010.0.0.1", "0.0.0.0/-1", "*", "::ffff:0:0/80", "1.2.3.4,5.6.7.8",
	} {
		if n, err := auth.ParseNetworks([]string{"192.0.2.1", bad}); err == nil || !n.Empty() {
			t.Errorf("%q gives %v", bad, n.Strings())
		}
	}
}

func FuzzParseNetworks(f *testing.F) {
	for _, s := range []string{"192.0.2.1", "10.0.0.0/8", "::ffff:10.0.0.0/104", "2001:db8::/32", "fe80::1%x", "", "0.0.0.0/0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := auth.ParseNetworks([]string{s})
		if err != nil {
			return
		}
		again, err := auth.ParseNetworks(n.Strings())
		if err != nil || !slices.Equal(again.Strings(), n.Strings()) {
			t.Fatalf("%q is printed as %v, which reads as %v, %v", s, n.Strings(), again.Strings(), err)
		}
	})
}
