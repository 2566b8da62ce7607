package protocols_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"entrepot/gateway/gatewaytest"
)

// exchange sends bytes on a connection of its own and reads every answer until
// the server closes, or says nothing more for a while.
func exchange(t *testing.T, addr, sent string) (statuses []int, closed bool) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return converse(t, conn, sent, 2*time.Second)
}

// converse is exchange on a connection that is there; it closes it.
func converse(t *testing.T, conn net.Conn, sent string, patience time.Duration) (statuses []int, closed bool) {
	t.Helper()
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(conn, sent) }() // the server may close first
	answers := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(answers, &http.Request{Method: http.MethodPut})
		if err != nil {
			return statuses, !strings.Contains(err.Error(), "timeout")
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		statuses = append(statuses, resp.StatusCode)
		if resp.Close {
			return statuses, true
		}
	}
}

// rawDoors is a whole gateway on the front's own server, with the container c
// and a request line and headers that PUT an object.
func rawDoors(t *testing.T) (d *doors, addr, put string) {
	t.Helper()
	d = newDoors(t, gatewaytest.Options{})
	d.want(t, 201, swiftDoor.call("tester", "PUT", "c", ""))
	addr, _ = start(t, d.front, nil)
	token, err := d.token("tester")
	if err != nil {
		t.Fatal(err)
	}
	return d, addr, "PUT /v1/AUTH_test/c/o HTTP/1.1\r\nHost: gateway\r\nX-Auth-Token: " + token + "\r\n"
}

// S39: what two readers could understand differently is refused, the
// connection is given up, and the request that hides in it is not carried out.
func TestS39AmbiguousRequestsEndTheConnection(t *testing.T) {
	d, addr, put := rawDoors(t)
	hidden := strings.Replace(put, "/c/o ", "/c/hidden ", 1) + "Content-Length: 1\r\n\r\nx"
	chunked := put + "Transfer-Encoding: chunked\r\n\r\n"
	for name, sent := range map[string]string{
		"two lengths":               put + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx" + hidden,
		"a list of lengths":         put + "Content-Length: 1, 2\r\n\r\nx" + hidden,
		"length with a sign":        put + "Content-Length: +1\r\n\r\nx" + hidden,
		"negative length":           put + "Content-Length: -1\r\n\r\nx" + hidden,
		"hexadecimal length":        put + "Content-Length: 0x1\r\n\r\nx" + hidden,
		"overflowing length":        put + "Content-Length: 18446744073709551617\r\n\r\nx" + hidden,
		"space before the colon":    put + "Content-Length : 1\r\n\r\nx" + hidden,
		"folded header":             put + "X-Object-Meta-A: b\r\n Content-Length: 1\r\nContent-Length: 1\r\nTransfer-Encoding : chunked\r\n\r\nx" + hidden,
		"unknown coding":            put + "Transfer-Encoding: xchunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" + hidden,
		"two codings":               put + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n1\r\nx\r\n0\r\n\r\n" + hidden,
		"bare LF in the chunk line": chunked + "1\nx\r\n0\r\n\r\n" + hidden,
		"bad chunk size":            chunked + "1g\r\nx\r\n0\r\n\r\n" + hidden,
		"signed chunk size":         chunked + "+1\r\nx\r\n0\r\n\r\n" + hidden,
		"chunk longer than it says": chunked + "1\r\nxy\r\n0\r\n\r\n" + hidden,
		"huge chunk size":           chunked + "ffffffffffffffff1\r\nx\r\n0\r\n\r\n" + hidden,
		"chunk extension bomb":      chunked + "1;" + strings.Repeat("a=b;", 1<<18) + "\r\nx\r\n0\r\n\r\n" + hidden,
		"NUL in a header":           put + "X-Object-Meta-A: a\x00b\r\nContent-Length: 1\r\n\r\nx" + hidden,
		"no host":                   strings.Replace(put, "Host: gateway\r\n", "", 1) + "Content-Length: 1\r\n\r\nx" + hidden,
		"two hosts":                 put + "Host: other\r\nContent-Length: 1\r\n\r\nx" + hidden,
	} {
		statuses, closed := exchange(t, addr, sent)
		if len(statuses) != 1 || statuses[0] < 400 || !closed {
			t.Errorf("%s: answers %v, closed %v", name, statuses, closed)
		}
	}
	for _, e := range d.swiftList(t, "tester", "c", "") {
		if e.Name == "hidden" {
			t.Error("a hidden request was carried out")
		}
	}
}

// S39: a request with a length and chunks, or with chunks in HTTP/1.0, is
// refused and ends its connection (RFC 9112 sections 6.1 and 6.3), although
// net/http would serve it and tell nobody.
func TestS39DoubtfulFramingEndsTheConnection(t *testing.T) {
	d, addr, put := rawDoors(t)
	hidden := strings.Replace(put, "/c/o ", "/c/hidden ", 1) + "Content-Length: 1\r\n\r\nx"
	before := put + "Content-Length: 3\r\n\r\nabc"
	chunks := "3\r\nxyz\r\n0\r\n\r\n"
	many := strings.Repeat("X-Filler: "+strings.Repeat("f", 1000)+"\r\n", 40)
	for name, c := range map[string]struct {
		sent string
		want []int
	}{
		"length, then chunks":        {put + "Content-Length: 1000\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + hidden, []int{400}},
		"chunks, then a length":      {put + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + chunks + hidden, []int{400}},
		"other case, bare LF":        {put + "transfer-encoding: chunked\ncONTENT-length:5\n\n" + chunks + hidden, []int{400}},
		"behind a large head":        {put + "Content-Length: 5\r\n" + many + "Transfer-Encoding: chunked\r\n\r\n" + chunks + hidden, []int{400}},
		"second on its connection":   {before + put + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + hidden, []int{201, 400}},
		"a decoy in the body before": {put + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + put + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(put)+2, put+"\r\n") + hidden, []int{400}},
		"chunks of HTTP/1.0":         {strings.Replace(put, "HTTP/1.1", "HTTP/1.0", 1) + "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + hidden, []int{400}},
	} {
		statuses, closed := exchange(t, addr, c.sent)
		if !slices.Equal(statuses, c.want) || !closed {
			t.Errorf("%s: answers %v, closed %v, want %v", name, statuses, closed, c.want)
		}
	}
	for _, e := range d.swiftList(t, "tester", "c", "") {
		if e.Name == "hidden" {
			t.Error("a hidden request was carried out")
		}
	}
	// What is right stays right: lengths and chunks one after the other.
	chunked := put + "Transfer-Encoding: chunked\r\n\r\n" + chunks
	last := strings.Replace(before, "Host: ", "Connection: close\r\nHost: ", 1)
	if statuses, _ := exchange(t, addr, before+chunked+before+chunked+last); !slices.Equal(statuses, []int{201, 201, 201, 201, 201}) {
		t.Errorf("requests without a fault: %v", statuses)
	}
}

// S39: line ends and folded headers that another reader could take otherwise.
// net/http takes a bare LF for the end of a line and a folded line for one with
// a blank, as RFC 9112 sections 2.2 and 5.2 allow; neither hides a request.
func TestS39OddLineEndsHideNothing(t *testing.T) {
	d, addr, put := rawDoors(t)
	hidden := strings.Replace(put, "/c/o ", "/c/hidden ", 1) + "Content-Length: 1\r\n\r\nx"
	for name, sent := range map[string]string{
		"bare CR in a value":        put + "X-Object-Meta-A: a\rContent-Length: 1\r\n\r\nx" + hidden,
		"bare CR in a name":         put + "X-A\rContent-Length: 1\r\n\r\nx" + hidden,
		"NUL in a name":             put + "X-\x00A: 1\r\nContent-Length: 1\r\n\r\nx" + hidden,
		"bare CR before the chunk":  put + "Transfer-Encoding: chunked\r\n\r\n1\rx\r\n0\r\n\r\n" + hidden,
		"coding with a control":     put + "Transfer-Encoding: \x0bchunked\r\nContent-Length: 1\r\n\r\nx" + hidden,
		"folded coding":             put + "Transfer-Encoding:\r\n xchunked\r\nContent-Length: 1\r\n\r\nx" + hidden,
		"first line folded":         "PUT /v1/AUTH_test/c/o\r\n HTTP/1.1\r\nHost: gateway\r\n\r\n" + hidden,
		"a line without a colon":    put + "X-A\r\nContent-Length: 1\r\n\r\nx" + hidden,
		"blanks before the headers": strings.Replace(put, "Host:", " Host:", 1) + "Content-Length: 1\r\n\r\nx" + hidden,
	} {
		statuses, closed := exchange(t, addr, sent)
		if len(statuses) != 1 || statuses[0] < 400 || !closed {
			t.Errorf("%s: answers %v, closed %v", name, statuses, closed)
		}
	}
	for _, e := range d.swiftList(t, "tester", "c", "") {
		if e.Name == "hidden" {
			t.Error("a hidden request was carried out")
		}
	}
	folded := strings.Replace(put, "Host:", "Connection: close\r\nHost:", 1) + "X-Object-Meta-A: one\r\n two\nContent-Length: 1\n\nx"
	if statuses, _ := exchange(t, addr, folded); !slices.Equal(statuses, []int{201}) {
		t.Errorf("a folded header and bare LF: %v", statuses)
	}
	if got := d.ok(t, swiftDoor.call("tester", "HEAD", "c/o", "")).header.Get("X-Object-Meta-A"); got != "one two" {
		t.Errorf("the folded header says %q", got)
	}
}

// S39: trailers say nothing about the object, nor about who asks.
func TestS39TrailersAreIgnored(t *testing.T) {
	d, addr, put := rawDoors(t)
	statuses, _ := exchange(t, addr, put+"Connection: close\r\nTrailer: X-Object-Meta-Evil, X-Delete-After, X-Object-Manifest\r\n"+
		"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Object-Meta-Evil: 1\r\nX-Delete-After: 1\r\nX-Object-Manifest: c/x\r\n\r\n")
	if len(statuses) != 1 || statuses[0] != 201 {
		t.Fatal(statuses)
	}
	h := d.ok(t, swiftDoor.call("tester", "HEAD", "c/o", "")).header
	for _, name := range []string{"X-Object-Meta-Evil", "X-Delete-At", "X-Object-Manifest"} {
		if h.Get(name) != "" {
			t.Errorf("%s: %s", name, h.Get(name))
		}
	}
	anonymous := strings.Replace(put, "X-Auth-Token", "X-Other", 1)
	token := strings.Split(strings.Split(put, "X-Auth-Token: ")[1], "\r\n")[0]
	statuses, _ = exchange(t, addr, anonymous+"Connection: close\r\nTrailer: X-Auth-Token\r\nTransfer-Encoding: chunked\r\n\r\n"+
		"1\r\ny\r\n0\r\nX-Auth-Token: "+token+"\r\n\r\n")
	if len(statuses) != 1 || statuses[0] != 401 {
		t.Errorf("a token in a trailer: %v", statuses)
	}
}

// S41: requests whose head is too large are refused before a door sees them.
func TestS41LargeHeadsAreRefused(t *testing.T) {
	_, addr, put := rawDoors(t)
	end := "Connection: close\r\nContent-Length: 1\r\n\r\nx"
	many := &strings.Builder{}
	for i := range 201 {
		fmt.Fprintf(many, "X-H-%d: v\r\n", i)
	}
	for name, tt := range map[string]struct {
		sent string
		want []int
	}{
		"64 KiB of headers":   {put + strings.Repeat("X-Filler: "+strings.Repeat("a", 1000)+"\r\n", 80) + end, []int{431, 400}},
		"201 headers":         {put + many.String() + end, []int{431}},
		"a key of 1 MiB":      {put + strings.Repeat("k", 1<<20) + ": v\r\n" + end, []int{431, 400}},
		"a value of 1 MiB":    {put + "X-Object-Meta-A: " + strings.Repeat("v", 1<<20) + "\r\n" + end, []int{431, 400}},
		"a target of 8 KiB":   {strings.Replace(put, "/c/o ", "/c/o?x="+strings.Repeat("y", 8<<10)+" ", 1) + end, []int{414}},
		"a target of 100 KiB": {strings.Replace(put, "/c/o ", "/c/"+strings.Repeat("y", 100<<10)+" ", 1) + end, []int{414, 431, 400}},
	} {
		statuses, closed := exchange(t, addr, tt.sent)
		ok := false
		for _, want := range tt.want {
			ok = ok || len(statuses) == 1 && statuses[0] == want
		}
		if len(statuses) == 0 && closed { // cut off while it was still sending
			ok = true
		}
		if !ok {
			t.Errorf("%s: %v, want one of %v", name, statuses, tt.want)
		}
	}
	if statuses, _ := exchange(t, addr, put+end); len(statuses) != 1 || statuses[0] != 201 {
		t.Errorf("a plain request: %v", statuses)
	}
}
