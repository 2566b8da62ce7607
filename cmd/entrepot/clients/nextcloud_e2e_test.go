//go:build e2e

package clients_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// With uploads in pieces switched on, the drive hangs where Nextcloud's
// clients look for it, and a file that was sent in pieces is one file.
func TestE2ERcloneFindsNextcloudsPaths(t *testing.T) {
	t.Parallel()
	conf := filepath.Join(t.TempDir(), "entrepot.toml")
	if err := os.WriteFile(conf, []byte("[dav]\nchunking = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, setting{args: []string{"--config", conf}})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	need(t, "rclone", "rclone")
	hidden := strings.TrimSpace(command{args: []string{"rclone", "obscure", adminPassword}}.must(t))
	r := newRclone(t, "type = webdav", "url = "+s.url+"/remote.php/dav/files/admin", "vendor = nextcloud", "user = admin", "pass = "+hidden)
	dir, files := makeTree(t)
	r.must("copy", dir, "gate:box")
	r.must("check", dir, "gate:box")

	const upload = "/remote.php/dav/uploads/admin/upload-1"
	whole := content(51, 12<<20)
	s.expect(201, admin, "MKCOL", upload, "", "Destination: "+s.url+"/remote.php/dav/files/admin/box/pieces.bin")
	for _, piece := range []struct {
		name     string
		from, to int
	}{{"2", 5 << 20, 10 << 20}, {"1", 0, 5 << 20}, {"3", 10 << 20, 12 << 20}} {
		s.expect(201, admin, "PUT", upload+"/"+piece.name, string(whole[piece.from:piece.to]))
	}
	moved := s.expect(201, admin, "MOVE", upload+"/.file", "", "Destination: "+s.url+"/remote.php/dav/files/admin/box/pieces.bin", "OC-Total-Length: 12582912")
	if got := moved.header.Get("Etag"); got != `"`+md5hex(whole)+`"` {
		t.Errorf("the file's tag is %s", got)
	}
	files["pieces.bin"] = whole
	back := t.TempDir()
	s.swiftRemote(t).must("copy", "gate:box", back)
	sameTree(t, back, files)
}
