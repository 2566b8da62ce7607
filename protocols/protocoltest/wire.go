package protocoltest

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

const (
	maxHeader    = 1 << 20   // bytes of one header block that is read
	maxReply     = 128 << 20 // bytes of one body that is read
	defaultLimit = time.Minute
)

// An exchange is what went over one connection.
type exchange struct {
	request   []byte // request line and headers, or what SEND sent
	sent      []byte // the body as it went out, chunk headers and all
	early     bool   // close the sending side behind sent
	continued bool   // 100 Continue came
	status    int    // 0: the server closed without an answer
	header    http.Header
	raw       []byte // the header block as it came
	body      []byte
	broken    error // why the body ended early
}

// request builds the bytes that a step sends.
func (r *runner) request(s *step) (*exchange, error) {
	if s.send != nil {
		all, err := s.send.bytes(r.dir, r.vars)
		return &exchange{request: all}, err
	}
	var head bytes.Buffer
	target, err := plain(s.target, r.vars)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\n", s.method, target)
	has := map[string]bool{}
	for _, h := range s.header {
		value, err := plain(h.value, r.vars)
		if err != nil {
			return nil, err
		}
		if h.name == "" {
			head.WriteString(value)
			continue
		}
		has[textproto.CanonicalMIMEHeaderKey(h.name)] = true
		fmt.Fprintf(&head, "%s: %s\r\n", h.name, value)
	}
	if !has["Host"] {
		fmt.Fprintf(&head, "Host: %s\r\n", r.host)
	}
	if !has["Connection"] {
		head.WriteString("Connection: close\r\n")
	}
	if err := r.credentials(&head, s.login); err != nil {
		return nil, err
	}
	x := &exchange{}
	if s.body != nil {
		if err := r.body(&head, x, s.body, has["Content-Length"]); err != nil {
			return nil, err
		}
	}
	head.WriteString("\r\n")
	x.request = head.Bytes()
	return x, nil
}

// body adds the framing headers to head and the framed bytes to x.
func (r *runner) body(head *bytes.Buffer, x *exchange, b *body, declared bool) error {
	content, err := b.bytes(r.dir, r.vars)
	if err != nil {
		return err
	}
	cut := content
	if b.truncated >= 0 {
		if b.truncated > len(content) {
			return fmt.Errorf("truncated %d: the body has %d bytes", b.truncated, len(content))
		}
		cut, x.early = content[:b.truncated], true
	}
	if b.chunk == 0 {
		if !declared {
			fmt.Fprintf(head, "Content-Length: %d\r\n", len(content))
		}
		x.sent = cut
		return nil
	}
	head.WriteString("Transfer-Encoding: chunked\r\n")
	var framed bytes.Buffer
	for len(cut) > 0 {
		n := min(b.chunk, len(cut))
		fmt.Fprintf(&framed, "%x\r\n%s\r\n", n, cut[:n])
		cut = cut[n:]
	}
	if b.truncated < 0 {
		framed.WriteString("0\r\n\r\n")
	}
	x.sent = framed.Bytes()
	return nil
}

// credentials adds what the login asks for; a login without a password takes
// the fixture's.
func (r *runner) credentials(head *bytes.Buffer, l *login) error {
	if l == nil {
		l = r.login
	}
	if l == nil || l.scheme == loginNobody {
		return nil
	}
	password := l.password
	if !l.known {
		var ok bool
		if password, ok = r.fixture.Passwords[l.user]; !ok {
			return fmt.Errorf("no password is known for %q; write %s:PASSWORD", l.user, l.user)
		}
	}
	if l.scheme == loginBasic {
		pair := base64.StdEncoding.EncodeToString([]byte(l.user + ":" + password))
		fmt.Fprintf(head, "Authorization: Basic %s\r\n", pair)
		return nil
	}
	token, err := r.token(l.user, password)
	if err != nil {
		return err
	}
	fmt.Fprintf(head, "X-Auth-Token: %s\r\n", token)
	return nil
}

// token gets a Swift v1 token, once per user.
func (r *runner) token(user, password string) (string, error) {
	if t, ok := r.tokens[user]; ok {
		return t, nil
	}
	x := &exchange{request: fmt.Appendf(nil,
		"GET /auth/v1.0 HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nX-Auth-User: %s\r\nX-Auth-Key: %s\r\n\r\n",
		r.host, user, password)}
	if err := r.exchange(x, http.MethodGet); err != nil {
		return "", err
	}
	t := x.header.Get("X-Auth-Token")
	if x.status != http.StatusOK || t == "" {
		return "", fmt.Errorf("no token for %q: /auth/v1.0 answered %d %q", user, x.status, x.body)
	}
	r.tokens[user] = t
	return t, nil
}

// exchange sends x on a connection of its own and reads the answer. A server
// that closes without an answer is no error: the status stays 0.
func (r *runner) exchange(x *exchange, method string) error {
	conn, err := net.Dial("tcp", r.host)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(r.limit)); err != nil {
		return err
	}
	if _, err := conn.Write(x.request); err != nil {
		return nil // refused before all was said; no answer will be found either
	}
	ahead := make(chan bool, 1) // whether the body shall go out
	if !expectsContinue(x.request) {
		ahead <- true
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		if <-ahead {
			_, _ = conn.Write(x.sent) // a server may answer without reading
			if x.early {              // a half-closed connection looks abandoned to a server
				_ = conn.(*net.TCPConn).CloseWrite()
			}
		}
	}()
	err = x.receive(bufio.NewReader(conn), method, ahead)
	select {
	case ahead <- false:
	default:
	}
	conn.Close()
	<-written
	return err
}

func expectsContinue(request []byte) bool {
	return bytes.Contains(bytes.ToLower(request), []byte("\r\nexpect: 100-continue\r\n"))
}

// receive reads header blocks until the final one, then the body.
func (x *exchange) receive(in *bufio.Reader, method string, ahead chan<- bool) error {
	for {
		block, err := readBlock(in)
		if err != nil {
			return err
		}
		if len(block) == 0 {
			return nil
		}
		if bytes.HasPrefix(block, []byte("HTTP/1.1 100")) {
			x.continued = true
			select {
			case ahead <- true:
			default:
			}
			continue
		}
		if method == "SEND" {
			method, _, _ = strings.Cut(string(x.request), " ")
		}
		whole := bufio.NewReader(io.MultiReader(bytes.NewReader(block), in))
		reply, err := http.ReadResponse(whole, &http.Request{Method: method})
		if err != nil {
			return fmt.Errorf("the answer is not HTTP: %w\n%s", err, block)
		}
		defer reply.Body.Close()
		x.raw, x.status, x.header = block, reply.StatusCode, reply.Header
		x.body, x.broken = io.ReadAll(io.LimitReader(reply.Body, maxReply))
		return nil
	}
}

// readBlock reads up to and with an empty line. A connection that ends before
// the first byte yields nothing.
func readBlock(in *bufio.Reader) ([]byte, error) {
	var block []byte
	for len(block) < maxHeader {
		line, err := in.ReadBytes('\n')
		block = append(block, line...)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			return nil, fmt.Errorf("no answer in time; so far %q", block)
		case err != nil && len(block) == 0:
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("the answer ends in its header: %w; so far %q", err, block)
		case len(bytes.TrimRight(line, "\r\n")) == 0:
			return block, nil
		}
	}
	return nil, fmt.Errorf("a header block of more than %d bytes", maxHeader)
}
