//go:build e2e

package clients_test

import (
	"os"
	"path/filepath"
	"testing"
)

// A backup program over rclone: packs and indexes are written, listed, read in
// ranges, locked and deleted. Small chunks make its packs large objects.
func TestE2EResticBacksUpChecksAndRestores(t *testing.T) {
	t.Parallel()
	need(t, "restic", "restic")
	s := start(t, setting{})
	for name, r := range map[string]*rclone{"swift": s.swiftRemote(t), "webdav": s.davRemote(t, "other")} {
		home := t.TempDir()
		restic := func(args ...string) string {
			t.Helper()
			return command{
				args: append([]string{"restic", "-r", "rclone:gate:" + name + "/backup", "--no-cache", "-q"}, args...),
				env: []string{
					"RCLONE_CONFIG=" + r.config, "RCLONE_SWIFT_CHUNK_SIZE=1M", "RESTIC_PASSWORD=secret", "HOME=" + home,
				},
			}.must(t)
		}
		dir, files := makeTree(t)
		files["large"] = content(64, 12<<20)
		if err := os.WriteFile(filepath.Join(dir, "large"), files["large"], 0o600); err != nil {
			t.Fatal(err)
		}
		restic("init")
		restic("backup", dir)
		files["later"] = content(65, 3<<20)
		if err := os.WriteFile(filepath.Join(dir, "later"), files["later"], 0o600); err != nil {
			t.Fatal(err)
		}
		restic("backup", dir)
		restic("check", "--read-data")
		restic("forget", "--keep-last", "1", "--prune")
		restic("check", "--read-data")
		back := t.TempDir()
		restic("restore", "latest", "--target", back)
		sameTree(t, filepath.Join(back, dir), files)
	}
}
