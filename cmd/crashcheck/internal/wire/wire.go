// Package wire speaks to a gateway as its clients do: Swift's REST API with a
// token; WebDAV, DuraCloud and the administration with a password; the depot
// API with a signature. It classifies answers into the three outcomes
// that a checker can rely on.
package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// An Outcome is what a client knows of a change after its request.
type Outcome string

// The outcomes.
const (
	OK      Outcome = "ok"      // carried out
	Refused Outcome = "refused" // not carried out
	Unknown Outcome = "unknown" // a failure of the server, or no answer
)

// A Door names one way into the gateway.
type Door string

// The doors.
const (
	Swift Door = "swift"
	DAV   Door = "dav"
	Dura  Door = "duracloud"
	RPC   Door = "rpc" // administration and depot API; see Call and Depot
)

// bodyLimit bounds what is read of an answer that is kept in memory, in bytes.
const bodyLimit = 64 << 20

// A Client sends requests to one gateway as one user. It is safe for
// concurrent use; the address may change between requests.
type Client struct {
	http     *http.Client
	user     string
	password string
	base     string
	token    string
}

// New returns a client for a user whose account has the same name. Connections
// are its own.
func New(user, password string) *Client {
	return &Client{
		user: user, password: password,
		http: &http.Client{
			Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
			Timeout:   2 * time.Minute,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			},
		},
	}
}

// With returns a client of the same user and token for a gateway that now
// listens at base, such as http://127.0.0.1:8080.
func (c *Client) With(base string) *Client {
	next := New(c.user, c.password)
	next.base, next.token = base, c.token
	return next
}

// Close lets go of the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Login gets a token for the Swift door, which all later requests carry.
func (c *Client) Login(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/auth/v1.0", nil)
	if err != nil {
		return err
	}
	r.Header.Set("X-Auth-User", c.user+":"+c.user)
	r.Header.Set("X-Auth-Key", c.password)
	answer, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if c.token = answer.Header.Get("X-Auth-Token"); c.token == "" {
		return fmt.Errorf("login: status %d", answer.StatusCode)
	}
	return nil
}

// A Request is one request to a door. Container and Object are names, not
// escaped.
type Request struct {
	Door      Door
	Method    string
	Container string
	Object    string
	Path      string // escaped, in place of Door's path of Container and Object
	Query     string
	Header    map[string]string
	Body      io.Reader
	Size      int64  // of Body; a body that gives less breaks the connection
	Password  string // of the user, where it is not the client's own
}

// An Answer is what came back, its body read and closed unless it is streamed.
type Answer struct {
	Status int // 0: no answer
	Header http.Header
	Body   []byte
	Err    error // why there is no whole answer
}

// Outcome classifies the answer to a change. An answer whose body broke off
// had its status all the same.
func (a Answer) Outcome() Outcome {
	switch {
	case a.Status >= 200 && a.Status < 300:
		return OK
	case a.Status >= 300 && a.Status < 500:
		return Refused
	}
	return Unknown
}

// path escapes names, segment by segment.
func path(container, object string) string {
	var b strings.Builder
	b.WriteString(url.PathEscape(container))
	if object != "" {
		for part := range strings.SplitSeq(object, "/") {
			b.WriteByte('/')
			b.WriteString(url.PathEscape(part))
		}
	}
	return b.String()
}

// Target returns the path of a name behind a door.
func (c *Client) Target(door Door, container, object string) string {
	switch door {
	case DAV:
		return "/dav/" + path(container, object)
	case Dura:
		return "/durastore/" + path(container, object)
	}
	if container == "" {
		return "/v1/AUTH_" + c.user
	}
	return "/v1/AUTH_" + c.user + "/" + path(container, object)
}

// Do sends a request and reads the whole answer.
func (c *Client) Do(ctx context.Context, q Request) Answer {
	var a Answer
	a.Status, a.Header, a.Err = c.Stream(ctx, q, func(_ int, _ http.Header, body io.Reader) (err error) {
		a.Body, err = io.ReadAll(io.LimitReader(body, bodyLimit))
		return err
	})
	return a
}

// Stream sends a request and hands status, headers and body of the answer
// to read. What read returns is the error.
func (c *Client) Stream(ctx context.Context, q Request, read func(int, http.Header, io.Reader) error) (int, http.Header, error) {
	target := c.base + q.Path
	if q.Path == "" {
		target += c.Target(q.Door, q.Container, q.Object)
	}
	if q.Query != "" {
		target += "?" + q.Query
	}
	r, err := http.NewRequestWithContext(ctx, q.Method, target, q.Body)
	if err != nil {
		return 0, nil, err
	}
	r.ContentLength = q.Size
	if q.Body != nil && q.Size == 0 {
		r.Body = http.NoBody
	}
	for name, value := range q.Header {
		r.Header.Set(name, value)
	}
	switch {
	case q.Door == Swift:
		r.Header.Set("X-Auth-Token", c.token)
	case q.Password != "":
		r.SetBasicAuth(c.user, q.Password)
	default:
		r.SetBasicAuth(c.user, c.password)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	err = read(answer.StatusCode, answer.Header, answer.Body)
	return answer.StatusCode, answer.Header, errors.Join(err, answer.Body.Close())
}
