//go:build e2e

package clients_test

import (
	"os"
	"path/filepath"
	"testing"
)

// What an editor does that saves twice: it puts a new file in the place of one
// that davfs2 still has to send, and holds a lock of.
func TestE2EDavfs2ReplacesFileThatItHasNotSentYet(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	s.expect(201, admin, "PUT", "/dav/box/there", "what was there")
	dir, unmount := s.davfsWith(t, "/dav/box/", "delay_upload 10") // the default
	save := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"made", "there"} {
		save(name, "first")
		for _, text := range []string{"second", "third and last"} {
			save(name+".new", text)
			if err := os.Rename(filepath.Join(dir, name+".new"), filepath.Join(dir, name)); err != nil {
				t.Error(err)
			}
		}
	}
	unmount()
	for _, name := range []string{"made", "there"} {
		if got := s.expect(200, admin, "GET", "/dav/box/"+name, ""); got.body != "third and last" {
			t.Errorf("after the unmount %s holds %q", name, got.body)
		}
		s.expect(204, admin, "PUT", "/dav/box/"+name, "not locked any more")
	}
}
