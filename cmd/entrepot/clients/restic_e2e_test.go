//go:build e2e

package clients_test

import "testing"

// A backup program over rclone's Swift backend: packs and indexes are written,
// listed, read in ranges, locked and deleted. Small chunks make large objects
// of its packs.
func TestE2EResticKeepsBackupsInLargeObjects(t *testing.T) {
	t.Parallel()
	need(t, "restic", "restic")
	s := start(t, setting{})
	r := s.swiftRemote(t)
	restic(t, "rclone:gate:box/backup", "RCLONE_CONFIG="+r.config, "RCLONE_SWIFT_CHUNK_SIZE=1M")
	if got := r.must("lsf", "-R", "gate:box_segments"); got == "" {
		t.Error("no pack was large enough for segments")
	}
}
