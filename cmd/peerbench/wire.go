package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The login of every peer.
const (
	user     = "admin"
	password = "peer-bench-secret"
)

// basic is the header that proves it.
var basic = "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))

// A wire is one connection to a server: a client that costs little, since it
// shares the machine with what it measures.
type wire struct {
	at   *door
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
}

// An answer is a response; its body was read and counted, and kept only where
// the request said so.
type answer struct {
	status int
	bytes  int64
	token  string // Lock-Token, or a token of a login
	closed bool
}

// patience is how long one request may take.
const patience = 5 * time.Minute

func dial(ctx context.Context, at *door) (*wire, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", at.address)
	if err != nil {
		return nil, err
	}
	return &wire{at: at, conn: conn, in: bufio.NewReaderSize(conn, 64<<10), out: bufio.NewWriterSize(conn, 64<<10)}, nil
}

func (w *wire) close() { w.conn.Close() }

// do sends a request with size bytes of body and reads the answer. A server
// that closed the connection between two requests is met with a new one.
func (w *wire) do(ctx context.Context, method, path string, body io.ReadSeeker, size int64, headers ...string) (answer, error) {
	if err := w.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return answer{}, err
	}
	fmt.Fprintf(w.out, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, path, w.at.address, w.at.auth)
	for i := 0; i < len(headers); i += 2 {
		fmt.Fprintf(w.out, "%s: %s\r\n", headers[i], headers[i+1])
	}
	if body != nil {
		fmt.Fprintf(w.out, "Content-Length: %d\r\n", size)
	}
	w.out.WriteString("\r\n")
	if body != nil {
		if _, err := io.CopyN(w.out, body, size); err != nil {
			return answer{}, err
		}
	}
	if err := w.out.Flush(); err != nil {
		return answer{}, err
	}
	a, err := w.read(method)
	if err == nil && a.closed {
		err = w.again(ctx, nil)
	}
	return a, err
}

// again replaces the connection and begins the body anew.
func (w *wire) again(ctx context.Context, body io.Seeker) error {
	w.close()
	next, err := dial(ctx, w.at)
	if err != nil {
		return err
	}
	*w = *next
	if body != nil {
		_, err = body.Seek(0, io.SeekStart)
	}
	return err
}

// read reads one answer.
func (w *wire) read(method string) (a answer, err error) {
	line, err := w.in.ReadString('\n')
	if err != nil {
		return a, err
	}
	if len(line) < 12 {
		return a, fmt.Errorf("no status line: %q", line)
	}
	if a.status, err = strconv.Atoi(line[9:12]); err != nil {
		return a, err
	}
	length, chunked := int64(-1), false
	for {
		if line, err = w.in.ReadString('\n'); err != nil {
			return a, err
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "content-length":
			if length, err = strconv.ParseInt(value, 10, 64); err != nil {
				return a, err
			}
		case "transfer-encoding":
			chunked = strings.EqualFold(value, "chunked")
		case "connection":
			a.closed = strings.EqualFold(value, "close")
		case "lock-token", "x-auth-token":
			a.token = value
		}
	}
	return a, w.body(method, &a, length, chunked)
}

// body reads and counts the body of an answer.
func (w *wire) body(method string, a *answer, length int64, chunked bool) (err error) {
	switch {
	case method == "HEAD" || a.status == 204 || a.status == 304:
		return nil
	case chunked:
		return w.chunks(a)
	case length >= 0:
		a.bytes, err = io.CopyN(io.Discard, w.in, length)
		return err
	}
	a.closed = true
	a.bytes, err = io.Copy(io.Discard, w.in)
	return err
}

func (w *wire) chunks(a *answer) error {
	for {
		line, err := w.in.ReadString('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(strings.TrimSpace(line), 16, 64)
		if err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, w.in, size+2); err != nil {
			return err
		}
		if a.bytes += size; size == 0 {
			return nil
		}
	}
}

// errStatus is an answer of another status than the work needs.
var errStatus = errors.New("unexpected status")

// want is do for an answer of one of the statuses. A server may close a
// connection that rests at any time: then the request goes to a new one.
func (w *wire) want(ctx context.Context, statuses []int, method, path string, body io.ReadSeeker, size int64, headers ...string) (answer, error) {
	a, err := w.do(ctx, method, path, body, size, headers...)
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		if err := w.again(ctx, body); err != nil {
			return a, err
		}
		a, err = w.do(ctx, method, path, body, size, headers...)
	}
	if err != nil {
		return a, err
	}
	for _, s := range statuses {
		if a.status == s {
			return a, nil
		}
	}
	return a, fmt.Errorf("%s %s: %w %d", method, path, errStatus, a.status)
}
