package volume_test

import (
	"os"
	"path/filepath"
	"testing"

	"entrepot/cmd/crashcheck/internal/volatiledisk"
	"entrepot/cmd/crashcheck/internal/volume"
)

func needVolumes(t *testing.T) {
	t.Helper()
	if err := volume.Usable(volume.Ext4); err != nil {
		t.Skipf("no volumes here: %v", err)
	}
}

func TestVolumeComesBackAfterAbort(t *testing.T) {
	needVolumes(t)
	ctx, dir := t.Context(), t.TempDir()
	image, err := volume.Image(ctx, volume.Ext4, dir, 16<<20)
	if err != nil {
		t.Fatal(err)
	}
	v, err := volume.Attach(ctx, volume.Ext4, image, filepath.Join(dir, "mnt"), "")
	if err != nil {
		t.Skipf("cannot mount here: %v", err)
	}
	defer func() {
		if err := v.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	file := filepath.Join(v.Dir, "f")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	open, err := os.OpenFile(file, os.O_WRONLY, 0) // must not hold the abort up
	if err != nil {
		t.Fatal(err)
	}
	if err := open.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := v.Abort(ctx); err != nil {
		t.Fatal(err)
	}
	if os.WriteFile(filepath.Join(v.Dir, "g"), nil, 0o600) == nil {
		t.Error("an aborted volume takes new files")
	}
	if err := open.Close(); err != nil {
		t.Fatal(err)
	}
	if err := v.Unmount(ctx); err != nil {
		t.Fatal(err)
	}
	if err := v.Check(ctx); err != nil {
		t.Fatal(err)
	}
	if err := v.Mount(ctx, ""); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "x" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestPowerLossTakesWhatWasNotSynced holds the disk, the loop device and ext4
// together: a synced file survives a cut, and one that was not does not.
func TestPowerLossTakesWhatWasNotSynced(t *testing.T) {
	needVolumes(t)
	ctx, dir := t.Context(), t.TempDir()
	disk, err := volatiledisk.New(32 << 20)
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, "fuse")
	if err := os.Mkdir(at, 0o700); err != nil {
		t.Fatal(err)
	}
	served, err := disk.Mount(at)
	if err != nil {
		t.Skipf("no FUSE here: %v", err)
	}
	defer func() {
		if err := served.Unmount(); err != nil {
			t.Error(err)
		}
	}()
	if err := volume.Format(ctx, volume.Ext4, served.Path()); err != nil {
		t.Fatal(err)
	}
	disk.Save()
	v, err := volume.Attach(ctx, volume.Ext4, served.Path(), filepath.Join(dir, "mnt"), "commit=1000")
	if err != nil {
		t.Skipf("cannot mount here: %v", err)
	}
	write := func(name string, sync bool) {
		f, err := os.Create(filepath.Join(v.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("content"); err != nil {
			t.Fatal(err)
		}
		if sync {
			if err := f.Sync(); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write("synced", true)
	write("lost", false)
	disk.Cut(nil, 0)
	if err := v.Close(ctx); err != nil {
		t.Fatal(err)
	}
	v, err = volume.Attach(ctx, volume.Ext4, served.Path(), filepath.Join(dir, "mnt"), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := v.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	if text, err := os.ReadFile(filepath.Join(v.Dir, "synced")); err != nil || string(text) != "content" {
		t.Errorf("the synced file is %q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(v.Dir, "lost")); err == nil {
		t.Error("a file that was never synced survived the cut")
	}
}
