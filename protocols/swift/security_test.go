package swift_test

import (
	"fmt"
	"strings"
	"testing"

	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/swift"
)

// Properties of containers and accounts are merged: the limits bind what is
// there afterwards, not what one request brings.
func TestS20LimitsBindWhatSeveralPostsBringTogether(t *testing.T) {
	for path, prefix := range map[string]string{
		"/v1/AUTH_test/c": "X-Container-Meta-", "/v1/AUTH_test": "X-Account-Meta-",
	} {
		t.Run(prefix, func(t *testing.T) {
			c := newClient(t, gatewaytest.New(t), swift.Config{})
			c.want(c.do("PUT", "/v1/AUTH_test/c", nil), 201, "")
			for i := range 90 {
				c.want(c.do("POST", path, nil, fmt.Sprintf("%sK%02d", prefix, i), "v"), 204, "")
			}
			c.want(c.do("POST", path, nil, prefix+"One-More", "v"), 400, "Too many metadata items; max 90")
			c.want(c.do("POST", path, nil, prefix+"K00", "other"), 204, "")
			if got := c.do("HEAD", path, nil).Header(); got.Get(prefix+"K00") != "other" || got.Get(prefix+"One-More") != "" {
				t.Errorf("kept: %q", got)
			}

			c = newClient(t, gatewaytest.New(t), swift.Config{})
			c.want(c.do("PUT", "/v1/AUTH_test/c", nil), 201, "")
			value := strings.Repeat("v", 255)
			for i := range 15 { // 258 bytes each: 3,870 of 4,096
				c.want(c.do("POST", path, nil, fmt.Sprintf("%sK%02d", prefix, i), value), 204, "")
			}
			c.want(c.do("POST", path, nil, prefix+"K15", value), 400, "Total metadata too large; max 4096")
			if got := c.do("HEAD", path, nil).Header().Get(prefix + "K15"); got != "" {
				t.Errorf("a refused property is kept: %q", got)
			}
		})
	}
}

// A copy onto itself, into what its name begins with, onto nothing and into
// an account of somebody else leaves the source as it was.
func TestS27NothingIsLostByACopyOntoItself(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil), 201, "")
	for _, content := range []string{"short", strings.Repeat("long ", 20_000)} {
		c.want(c.do("PUT", "/v1/AUTH_test/c/a", strings.NewReader(content)), 201, "")
		c.want(c.do("PUT", "/v1/AUTH_test/c/a/b", strings.NewReader("below")), 201, "")
		for _, tt := range []struct {
			destination, account string
			status               int
		}{
			{"c/a", "", 201},
			{"/c/a", "", 201},
			{"c/a/b/c", "", 201},
			{"c/a/b", "AUTH_test2", 403},
			{"c/a", "AUTH_none", 403},
			{"/", "", 412},
			{"c", "", 412},
			{"c/", "", 412},
			{"//a", "", 412},
		} {
			h := []string{"Destination", tt.destination}
			if tt.account != "" {
				h = append(h, "Destination-Account", tt.account)
			}
			if w := c.do("COPY", "/v1/AUTH_test/c/a", nil, h...); w.Code != tt.status {
				t.Errorf("COPY to %q %s: %d %s, want %d", tt.destination, tt.account, w.Code, w.Body, tt.status)
			}
			c.want(c.do("GET", "/v1/AUTH_test/c/a", nil), 200, content)
			c.want(c.do("GET", "/v1/AUTH_test/c/a/b", nil), 200, "below")
		}
		for range 3 {
			c.want(c.do("PUT", "/v1/AUTH_test/c/a", nil, "X-Copy-From", "c/a", "Content-Length", "0"), 201, "")
		}
		c.want(c.do("GET", "/v1/AUTH_test/c/a", nil), 200, content)
	}
}
