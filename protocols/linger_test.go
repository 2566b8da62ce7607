package protocols_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"entrepot/gateway/gatewaytest"
)

// A client that writes the whole of a body before it reads, and has sent no
// login, reads that it needs one, and sends the body again on its connection.
func TestWholeBodyBeforeTheLoginReadsTheChallenge(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	d.want(t, 201, swiftDoor.call("tester", "PUT", "c", ""))
	addr, _ := start(t, d.front, nil)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	body := strings.Repeat("b", 32<<20)
	answers := bufio.NewReader(conn)
	for _, c := range []struct {
		header string
		want   int
	}{{"", 401}, {"Authorization: Basic dGVzdGVyOnRlc3Rpbmc=\r\n", 201}} {
		if _, err := io.WriteString(conn, "PUT /dav/c/o HTTP/1.1\r\nHost: gateway\r\nContent-Length: 33554432\r\n"+c.header+"\r\n"+body); err != nil {
			t.Fatalf("before %d: %v", c.want, err)
		}
		resp, err := http.ReadResponse(answers, &http.Request{Method: http.MethodPut})
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != c.want || resp.Close {
			t.Errorf("status %d, close %v, %v; want %d", resp.StatusCode, resp.Close, err, c.want)
		}
	}
}

// S39: where the body of a request without a login is broken off or is no body,
// nothing that follows is taken for a request, although its answer is there
// already.
func TestS39BrokenBodyWithoutLoginEndsTheConnection(t *testing.T) {
	d, addr, put := rawDoors(t)
	hidden := strings.Replace(put, "/c/o ", "/c/hidden ", 1) + "Content-Length: 1\r\n\r\nx"
	chunked := "PUT /dav/c/o HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, sent := range map[string]string{
		"bad chunk size":            chunked + "1g\r\n" + hidden,
		"bare LF in the chunk line": chunked + "1\nx\r\n0\r\n\r\n" + hidden,
		"chunk longer than it says": chunked + "1\r\nxy\r\n" + hidden,
		"bad trailer":               chunked + "0\r\nbad trailer\r\n\r\n" + hidden,
		"bad size of a later chunk": chunked + "1\r\nx\r\n-\r\n" + hidden,
		"chunk line without an end": chunked + "1\r\nx\r\n" + strings.Repeat("0", 8<<10) + hidden,
	} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		statuses, closed := converse(t, conn, sent, time.Minute)
		if !slices.Equal(statuses, []int{401}) || !closed {
			t.Errorf("%s: answers %v, closed %v", name, statuses, closed)
		}
	}
	for _, e := range d.swiftList(t, "tester", "c", "") {
		if e.Name == "hidden" {
			t.Error("a hidden request was carried out")
		}
	}
}
