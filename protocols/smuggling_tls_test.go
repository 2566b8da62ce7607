package protocols_test

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
	"time"

	"entrepot/gateway/gatewaytest"
)

// S39, under TLS: what net/http took from the head cannot be seen there, so a
// connection ends after every request with chunks, and what stands behind it
// is never read. A request with a length and chunks is such a one; requests
// with a length alone keep their connection (RFC 9112 sections 6.1 and 6.3).
func TestS39ConnectionEndsAfterChunksUnderTLS(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	d.want(t, 201, swiftDoor.call("tester", "PUT", "c", ""))
	server, roots := certificates()
	addr, _ := start(t, d.front, server)
	token, err := d.token("tester")
	if err != nil {
		t.Fatal(err)
	}
	put := "PUT /v1/AUTH_test/c/o HTTP/1.1\r\nHost: gateway\r\nX-Auth-Token: " + token + "\r\n"
	hidden := strings.Replace(put, "/c/o ", "/c/hidden ", 1) + "Content-Length: 1\r\n\r\nx"
	const chunks = "3\r\nxyz\r\n0\r\n\r\n"
	last := put + "Connection: close\r\nContent-Length: 4\r\n\r\nlast"
	for name, c := range map[string]struct {
		sent, stored string
		want         []int
	}{
		"chunks":                  {put + "Transfer-Encoding: chunked\r\n\r\n" + chunks + hidden, "xyz", []int{201}},
		"length, then chunks":     {put + "Content-Length: 1000\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + hidden, "xyz", []int{201}},
		"chunks, then a length":   {put + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + chunks + hidden, "xyz", []int{201}},
		"chunks of HTTP/1.0":      {strings.Replace(put, "HTTP/1.1", "HTTP/1.0", 1) + "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc" + hidden, "abc", []int{201}},
		"two lengths":             {put + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc" + hidden, "", []int{400}},
		"lengths, then no more":   {put + "Content-Length: 3\r\n\r\nabc" + last, "last", []int{201, 201}},
		"a length, then chunks":   {put + "Content-Length: 3\r\n\r\nabc" + put + "Transfer-Encoding: chunked\r\n\r\n" + chunks + hidden, "xyz", []int{201, 201}},
		"chunks that are refused": {strings.Replace(put, "/c/o ", "/none/o ", 1) + "Transfer-Encoding: chunked\r\n\r\n" + chunks + hidden, "", []int{404}},
	} {
		conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}, ServerName: "example.com"})
		if err != nil {
			t.Fatal(err)
		}
		statuses, closed := converse(t, conn, c.sent, 30*time.Second)
		if !slices.Equal(statuses, c.want) || !closed {
			t.Errorf("%s: answers %v, closed %v, want %v", name, statuses, closed, c.want)
		}
		if c.stored != "" {
			if got := d.want(t, 200, swiftDoor.call("tester", "GET", "c/o", "")).body; got != c.stored {
				t.Errorf("%s: stored %q, want %q", name, got, c.stored)
			}
		}
	}
	for _, e := range d.swiftList(t, "tester", "c", "") {
		if e.Name == "hidden" {
			t.Error("a hidden request was carried out")
		}
	}
}
