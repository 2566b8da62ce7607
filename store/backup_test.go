package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"entrepot/store"
	"entrepot/store/blob"
	"entrepot/store/blob/dirblob"
	"entrepot/store/kv/boltkv"
)

// vault is a world on disk with a directory for backups.
type vault struct {
	*world
	engine *boltkv.Engine
	blobs  *dirblob.Store
	dir    string
}

func newVault(t *testing.T) *vault {
	w, engine, blobs := onDisk(t, filepath.Join(t.TempDir(), "data"))
	return &vault{w, engine, blobs, filepath.Join(t.TempDir(), "backup")}
}

// backup makes a backup; copied tells that nothing may be linked.
func (v *vault) backup(ctx context.Context, copied bool) (store.BackupReport, error) {
	v.t.Helper()
	target, err := dirblob.Open(filepath.Join(v.dir, "blobs"), dirblob.Options{})
	if err != nil {
		v.t.Fatal(err)
	}
	defer target.Close()
	to := store.BackupTarget{Blobs: target, Sync: target.SyncNames}
	if !copied {
		to.Adopt = func(ctx context.Context, id blob.ID) (bool, error) { return target.Adopt(ctx, v.blobs, id) }
	}
	return v.Backup(ctx, v.dir, store.BackupSource{Database: v.engine.Backup}, to)
}

func (v *vault) mustBackup(copied bool) store.BackupReport {
	v.t.Helper()
	r, err := v.backup(v.t.Context(), copied)
	if err != nil {
		v.t.Fatal(err)
	}
	return r
}

// restore restores the backup and opens what came of it.
func (v *vault) restore() (*world, store.RestoreReport, error) {
	v.t.Helper()
	data := filepath.Join(v.t.TempDir(), "restored")
	target, err := dirblob.Open(filepath.Join(data, "blobs"), dirblob.Options{})
	if err != nil {
		v.t.Fatal(err)
	}
	root, err := os.OpenRoot(filepath.Join(v.dir, "blobs"))
	if err != nil {
		v.t.Fatal(err)
	}
	defer root.Close()
	r, err := store.Restore(v.t.Context(), v.dir, store.RestoreTarget{
		Database: filepath.Join(data, "entrepot.db"), Blobs: target,
		Open: func(_ context.Context, id blob.ID) (io.ReadCloser, error) { return dirblob.OpenFile(root, id) },
	})
	if err := target.Close(); err != nil {
		v.t.Error(err)
	}
	if err != nil {
		if _, missing := os.Stat(filepath.Join(data, "entrepot.db")); missing == nil {
			v.t.Error("a refused restore left a database")
		}
		return nil, r, err
	}
	w, _, _ := onDisk(v.t, data)
	return w, r, nil
}

// same fails unless an object of the restored store has the bytes of its name.
func (w *world) same(name string, n int) {
	w.t.Helper()
	if data, err := w.read(name); err != nil || !bytes.Equal(data, bytesOf(name, n)) {
		w.t.Errorf("%s: %d bytes, %v", name, len(data), err)
	}
}

func TestRestoredBackupIsTheStore(t *testing.T) {
	for _, copied := range []bool{false, true} {
		v := newVault(t)
		v.fill()
		v.put("huge", 900_000, time.Time{})
		r := v.mustBackup(copied)
		if r.Content != 2 || r.Bytes != 905_000 || (r.Copied == 2) != copied || (r.Linked == 2) == copied || r.Damaged != 0 {
			t.Errorf("%+v", r)
		}
		v.delete("huge") // the backup does not depend on the store any more
		v.Drain(t.Context())
		w, got, err := v.restore()
		if err != nil || got.Content != 2 || got.Damaged != 0 {
			t.Fatalf("%+v %v", got, err)
		}
		w.same("huge", 900_000)
		w.same("small", 10)
		if data, err := w.read("folder/copy"); err != nil || !bytes.Equal(data, bytesOf("big", 5000)) {
			t.Error(err)
		}
		if r, lines := w.check(store.CheckOptions{Content: true}); !r.Sound() || r.Orphans != 0 {
			t.Errorf("%+v\n%s", r, lines)
		}
	}
}

func TestASecondBackupBringsOnlyWhatIsNew(t *testing.T) {
	v := newVault(t)
	v.put("a", 5000, time.Time{})
	v.put("b", 5000, time.Time{})
	v.mustBackup(false)
	v.delete("a")
	v.put("c", 6000, time.Time{})
	v.clock.advance(time.Minute)
	r := v.mustBackup(false)
	if r.Kept != 1 || r.Linked != 1 || r.Pruned != 1 || r.Content != 2 {
		t.Errorf("%+v", r)
	}
	w, _, err := v.restore()
	if err != nil {
		t.Fatal(err)
	}
	w.same("b", 5000)
	w.same("c", 6000)
	if _, found := w.object("a"); found {
		t.Error("the earlier state came back")
	}
	entries, err := os.ReadDir(v.dir)
	if err != nil || len(entries) != 3 { // manifest, database, blobs
		t.Error(entries, err)
	}
}

func TestInterruptedBackupIsRefusedAndTheEarlierOneStays(t *testing.T) {
	v := newVault(t)
	v.put("a", 5000, time.Time{})
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.backup(canceled, false); err == nil {
		t.Fatal("a canceled backup succeeded")
	}
	if _, _, err := v.restore(); err == nil || !strings.Contains(err.Error(), "no finished backup") {
		t.Errorf("restore of an unfinished backup: %v", err)
	}
	v.mustBackup(false)
	v.clock.advance(time.Minute)
	v.put("b", 5000, time.Time{})
	if _, err := v.backup(canceled, false); err == nil {
		t.Fatal("a canceled backup succeeded")
	}
	w, _, err := v.restore()
	if err != nil {
		t.Fatal(err)
	}
	w.same("a", 5000)
}

func TestDamagedBackupIsRefusedWithTheReason(t *testing.T) {
	for what, spoil := range map[string]func(t *testing.T, v *vault){
		"manifest cut off": func(t *testing.T, v *vault) {
			change(t, filepath.Join(v.dir, "manifest"), func(b []byte) []byte { return b[:len(b)-70] })
		},
		"manifest changed": func(t *testing.T, v *vault) {
			change(t, filepath.Join(v.dir, "manifest"), func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		},
		"database changed": func(t *testing.T, v *vault) {
			list, _ := filepath.Glob(filepath.Join(v.dir, "*.db"))
			change(t, list[0], flip)
		},
		"content changed": func(t *testing.T, v *vault) {
			list, _ := filepath.Glob(filepath.Join(v.dir, "blobs", "??", "*"))
			change(t, list[0], func(b []byte) []byte { b[100] ^= 1; return b })
		},
		"content cut off": func(t *testing.T, v *vault) {
			list, _ := filepath.Glob(filepath.Join(v.dir, "blobs", "??", "*"))
			change(t, list[0], func(b []byte) []byte { return b[:100] })
		},
		"content missing": func(t *testing.T, v *vault) {
			list, _ := filepath.Glob(filepath.Join(v.dir, "blobs", "??", "*"))
			if err := os.Remove(list[0]); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			v := newVault(t)
			v.put("a", 5000, time.Time{})
			v.mustBackup(true)
			spoil(t, v)
			if _, _, err := v.restore(); err == nil {
				t.Error("it was restored")
			} else {
				t.Log(err)
			}
		})
	}
}

func change(t *testing.T, path string, fn func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, fn(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestBackupMarksWhatIsDamagedAndBringsTheRest(t *testing.T) {
	v := newVault(t)
	bad := v.put("bad", 5000, time.Time{})
	v.put("good", 5000, time.Time{})
	name := bad.Content.Blob.String()
	change(t, filepath.Join(filepath.Dir(v.engine.Path()), "blobs", name[30:], name), flip)
	r := v.mustBackup(true)
	if r.Damaged != 1 || r.Copied != 1 {
		t.Errorf("%+v", r)
	}
	w, got, err := v.restore()
	if err != nil || got.Damaged != 1 || got.Content != 1 {
		t.Fatalf("%+v %v", got, err)
	}
	w.same("good", 5000)
	if _, err := w.read("bad"); !errors.Is(err, blob.ErrCorrupt) {
		t.Error(err)
	}
}

// TestBackupUnderLoadIsOneMoment (C14): pairs of objects are written and
// deleted together while backups are made.
func TestBackupUnderLoadIsOneMoment(t *testing.T) {
	v := newVault(t)
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; !stop.Load(); i++ {
			name := fmt.Sprint("x", i%7)
			if _, found := v.object(name); found {
				v.delete(name)
			} else {
				v.put(name, 300+i%2*5000, time.Time{})
			}
			v.Drain(v.t.Context())
		}
	}()
	for range 5 {
		v.clock.advance(time.Second)
		if r := v.mustBackup(false); r.Damaged != 0 {
			t.Errorf("%+v", r)
		}
		w, _, err := v.restore()
		if err != nil {
			t.Fatal(err)
		}
		if r, lines := w.check(store.CheckOptions{Content: true}); !r.Sound() || r.Orphans != 0 {
			t.Errorf("%+v\n%s", r, lines)
		}
	}
	stop.Store(true)
	<-done
}
