package main

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"entrepot/auth"
)

func TestS9FirstStartMakesRandomSecretsThatOnlyTheOwnerReads(t *testing.T) {
	seen := map[string]bool{}
	for range 2 {
		data := t.TempDir()
		for _, name := range rotatable() {
			made, err := secret(data, name)
			if err != nil || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(made.Reveal()) || seen[made.Reveal()] {
				t.Fatalf("%s: %q, %v", name, made.Reveal(), err)
			}
			seen[made.Reveal()] = true
			again, err := secret(data, name)
			if err != nil || !again.Equal(made) {
				t.Errorf("%s: %q at the second start, %v", name, again.Reveal(), err)
			}
			path := filepath.Join(data, secretsName, name)
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
			if err := os.Chmod(path, 0o640); err != nil {
				t.Fatal(err)
			}
			if _, err := secret(data, name); err == nil {
				t.Errorf("%s is taken although others may read it", name)
			}
		}
	}
}

func TestSecretsAreReplacedWithAnOverlap(t *testing.T) {
	data := t.TempDir()
	for _, name := range rotatable() {
		first, err := secret(data, name)
		if err != nil {
			t.Fatal(err)
		}
		if old, err := previous(data, name); err != nil || !old.Empty() {
			t.Errorf("before: %q, %v", old.Reveal(), err)
		}
		last := first
		for range 2 {
			if err := rotate(data, name); err != nil {
				t.Fatal(err)
			}
			now, err := secret(data, name)
			if err != nil || now.Equal(last) || len(now.Reveal()) != 64 {
				t.Errorf("after: %q, %v", now.Reveal(), err)
			}
			if old, err := previous(data, name); err != nil || !old.Equal(last) {
				t.Errorf("the previous one: %q, %v, want %q", old.Reveal(), err, last.Reveal())
			}
			last = now
		}
		if info, err := os.Stat(filepath.Join(data, secretsName, name+previousSuffix)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	}
}

// at is a listener of an address that is not listened on.
type at string

func (a at) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (a at) Close() error              { return nil }
func (a at) Addr() net.Addr            { return a }
func (a at) Network() string           { return "tcp" }
func (a at) String() string            { return string(a) }

func TestS9WeakAdministratorsPasswordIsRefusedBeyondLoopback(t *testing.T) {
	const weak, fair = "changeme", "correct horse battery"
	for addr, refused := range map[at]bool{"127.0.0.1:80": false, "[::1]:80": false, "192.0.2.1:80": true, "[::]:80": true, "0.0.0.0:80": true} {
		var log bytes.Buffer
		s := &server{listener: addr, log: slog.New(slog.NewTextHandler(&log, nil))}
		err := s.judgePassword(auth.NewSecret(weak))
		if (err != nil) != refused {
			t.Errorf("%s: %v", addr, err)
		}
		if !refused && !strings.Contains(log.String(), "level=WARN") {
			t.Errorf("%s: no warning in %q", addr, log.String())
		}
		if strings.Contains(log.String(), weak) || err != nil && strings.Contains(err.Error(), weak) {
			t.Errorf("%s: the password is told", addr)
		}
		if err := s.judgePassword(auth.NewSecret(fair)); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

func TestS47MalformedAllowListsStopTheStart(t *testing.T) {
	for name, set := range map[string]func(*config, []string){
		"allow":           func(c *config, l []string) { c.Allow = l },
		"trusted_proxies": func(c *config, l []string) { c.TrustedProxies = l },
		"swift.allow":     func(c *config, l []string) { c.Swift.Allow = l },
		"dav.allow":       func(c *config, l []string) { c.DAV.Allow = l },
		"depot.allow":     func(c *config, l []string) { c.Depot.Allow = l },
		"duracloud.allow": func(c *config, l []string) { c.DuraCloud.Allow = l },
	} {
		for _, bad := range []string{"", " ", "10.0.0.0/33", "10.0.0", "010.0.0.1", "fe80::1%eth0", "localhost", "10.0.0.1:80", "10.0.0.0-10.0.0.9", "::ffff:10.0.0.0/95"} {
			c := defaults()
			set(&c, []string{"192.0.2.1", bad})
			if err := c.check(); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s with %q: %v", name, bad, err)
			}
		}
		c := defaults()
		set(&c, []string{"192.0.2.1", "2001:db8::/32", "::ffff:10.0.0.0/104"})
		if err := c.check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
