package protocols

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

	"entrepot/gateway/errs"
)

// Where a request ends must be beyond doubt, or a proxy in front and this
// server could take the same bytes for different requests. net/http refuses
// most of what is doubtful. Two cases it settles silently, and takes the header
// away that would tell: a request with a length and chunks is read by its
// chunks, and the chunks of HTTP/1.0 are ignored. RFC 9112 section 6.1 has such
// a connection closed. So plain connections remember the bytes of the head that
// is being read; where they cannot (TLS, other listeners), the connection ends
// after every such request.

const (
	// readAhead is how much of a connection net/http may have read of the next
	// request before it needs it, in bytes: its buffer.
	readAhead = 4 << 10
	// headSlack is how much longer than the limit a head may get before
	// net/http notices.
	headSlack = 8 << 10
)

// watched is a connection that remembers what was read of it last.
type watched struct {
	*net.TCPConn
	most int // bytes of a head

	mu      sync.Mutex
	last    []byte
	serving bool // a handler runs: what is read is its body, but for the end
}

// Read reads and remembers.
func (c *watched) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if n > 0 {
		c.remember(p[:n])
	}
	return n, err
}

func (c *watched) remember(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := c.most
	if c.serving {
		most = readAhead
	}
	p = p[max(0, len(p)-most):]
	if over := len(c.last) + len(p) - most; over > 0 {
		c.last = slices.Delete(c.last, 0, min(over, len(c.last)))
	}
	c.last = append(c.last, p...)
}

// begin notes that a handler begins with a request, and returns whether its
// head has all of the named headers.
func (c *watched) begin(r *http.Request, names ...string) (has bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(names) > 0 {
		has = headHas(c.last, r.Method+" "+r.RequestURI+" HTTP/", names)
	}
	c.last = slices.Delete(c.last, 0, max(0, len(c.last)-readAhead))
	c.serving = true
	return has
}

// end notes that the handler is done.
func (c *watched) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serving = false
}

// headHas tells whether there is a head in seen whose first line begins so and
// that has all of the named headers. There may be several such heads, of other
// requests on the connection or in bodies: one of them is the right one, and
// none of the others has any business to look like that.
func headHas(seen []byte, first string, names []string) bool {
	for at := 0; ; {
		i := bytes.Index(seen[at:], []byte(first))
		if i < 0 {
			return false
		}
		at += i + len(first)
		missing := slices.Clone(names)
		for line := range bytes.Lines(seen[at:]) {
			line = bytes.TrimRight(line, "\r\n")
			if len(line) == 0 {
				break
			}
			name, _, _ := bytes.Cut(line, []byte{':'})
			missing = slices.DeleteFunc(missing, func(want string) bool { return strings.EqualFold(want, string(bytes.TrimSpace(name))) })
		}
		if len(missing) == 0 {
			return true
		}
	}
}

// watching is a listener whose connections are watched.
type watching struct {
	net.Listener
	most int
}

// Accept waits for the next connection.
func (l *watching) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
		return &watched{TCPConn: tcp, most: l.most + headSlack}, nil
	}
	return conn, err
}

type watchedKey struct{}

// connContext hands a watched connection to the handlers of its requests.
func connContext(ctx context.Context, conn net.Conn) context.Context {
	if c, ok := conn.(*watched); ok {
		return context.WithValue(ctx, watchedKey{}, c)
	}
	return ctx
}

// framed refuses requests whose end is in doubt, with 400, and ends their
// connection.
func (f *Front) framed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var names []string
		switch {
		case r.ProtoMajor != 1:
			next.ServeHTTP(w, r)
			return
		case r.ProtoMinor == 0:
			names = []string{"Transfer-Encoding"}
		case len(r.TransferEncoding) > 0:
			names = []string{"Transfer-Encoding", "Content-Length"}
		}
		c, ok := r.Context().Value(watchedKey{}).(*watched)
		if !ok {
			if names != nil {
				w.Header().Set("Connection", "close")
			}
			next.ServeHTTP(w, r)
			return
		}
		doubtful := c.begin(r, names...)
		defer c.end()
		if doubtful {
			w.Header().Set("Connection", "close")
			f.refuse(w, r, http.StatusBadRequest, errs.New("protocols.framed", errs.Invalid, "", "Where the request ends is in doubt."))
			return
		}
		next.ServeHTTP(w, r)
	})
}
