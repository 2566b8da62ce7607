package protocols_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
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
