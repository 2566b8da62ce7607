package gateway_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/store"
	"entrepot/store/blob/dirblob"
	"entrepot/store/kv/boltkv"
)

// unpack writes a compressed archive of files into dir.
func unpack(t *testing.T, archive, dir string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(to, 0o700)
		} else {
			var b []byte
			if b, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(to, b, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// golden is a gateway over a store that the last program of format 1 wrote and
// stopped cleanly: testdata/format1.tar.gz.
type golden struct {
	t   *testing.T
	s   *store.Store
	g   *gateway.Gateway
	ctx context.Context
}

// openGolden opens what lies in dir; end closes it.
func openGolden(t *testing.T, dir string) (w golden, end func()) {
	t.Helper()
	engine, err := boltkv.Open(filepath.Join(dir, "entrepot.db"), boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := dirblob.Open(filepath.Join(dir, "blobs"), dirblob.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), engine, blobs, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(t.Context(), s, gateway.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := auth.WithPrincipal(t.Context(), auth.Principal{User: "anna", Account: "press", Role: auth.RoleOwner})
	return golden{t, s, g, ctx}, func() {
		for _, end := range []func() error{g.Close, s.Close, engine.Close, blobs.Close} {
			if err := end(); err != nil {
				t.Error(err)
			}
		}
	}
}

func (w *golden) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *golden) reads(container, name, want string) {
	w.t.Helper()
	_, content, err := w.g.Objects.Open(w.ctx, gateway.Ref{Account: "press", Container: container, Object: name}, gateway.Conditions{})
	w.must(err)
	w.shows(name, content, want)
}

func (w *golden) shows(name string, content gateway.Content, want string) {
	w.t.Helper()
	var b strings.Builder
	_, err := content.WriteRange(&b, 0, content.Size())
	w.must(err)
	w.must(content.Close())
	if b.String() != want {
		w.t.Errorf("%s holds %.40q, want %.40q", name, b.String(), want)
	}
}

func TestAStoreOfFormat1IsOpenedWithAllThatIsInIt(t *testing.T) {
	dir := t.TempDir()
	unpack(t, "testdata/format1.tar.gz", dir)
	for range 2 { // the upgrade, and once more
		w, end := openGolden(t, dir)
		w.current()
		w.past()
		w.others()
		r, err := w.s.Check(t.Context(), store.CheckOptions{Content: true})
		if err != nil || r.Findings != 0 {
			t.Errorf("check: %+v, %v", r, err)
		}
		end()
	}
}

// current looks at what the containers hold.
func (w *golden) current() {
	photos := gateway.Ref{Account: "press", Container: "photos"}
	stat, items, err := w.g.Spaces.Items(w.ctx, photos, "", "", 1000)
	w.must(err)
	want := []string{"copy.bin", "dlo", "expires", "long.bin", "slo"}
	for i := range 60 {
		if i+1 != 3 {
			want = append(want, fmt.Sprintf("2014/day%d/item%d.txt", (i+1)%5, i+1))
		}
	}
	slices.Sort(want)
	if !slices.Equal(items, want) || stat.Items != int64(len(want)) { // two markers of folders are not counted
		w.t.Errorf("%d items, counted %d", len(items), stat.Items)
	}
	long := strings.Repeat("a line of a long file\n", 2000)[:40_000]
	w.reads("photos", "long.bin", long)
	w.reads("photos", "copy.bin", long)
	w.reads("photos", "slo", "aaaabbbb")
	w.reads("photos", "dlo", "aaaabbbb")
	w.reads("photos", "2014/day2/item2.txt", "changed since")
	w.reads("drive", "sub/file.txt", "changed")
	o, err := w.g.Objects.Head(w.ctx, gateway.Ref{Account: "press", Container: "photos", Object: "2014/day1/item1.txt"}, gateway.Conditions{})
	w.must(err)
	if o.Properties["new"] != "yes" || o.ContentType != "text/plain" {
		w.t.Errorf("%+v", o)
	}
	k, err := w.g.Containers.Get(w.ctx, photos)
	w.must(err)
	if k.ReadACL != ".r:*,.rlistings" || k.Properties["colour"] != "green" {
		w.t.Errorf("%+v", k)
	}
}

// past looks at versions and snapshots.
func (w *golden) past() {
	_, list, err := w.g.Objects.ListVersions(w.ctx, gateway.Ref{Account: "press", Container: "kept"}, gateway.VersionOptions{ListOptions: gateway.ListOptions{Limit: 100}})
	w.must(err)
	if len(list) != 4 { // two of doc; gone and the marker of its deletion
		w.t.Errorf("%d versions", len(list))
	}
	w.reads("kept", "doc", "two")
	snapshots, err := w.g.Spaces.Snapshots(w.ctx, "press")
	w.must(err)
	if len(snapshots) != 1 || snapshots[0].Description != "golden" || snapshots[0].Items != 65 {
		w.t.Fatalf("snapshots %+v", snapshots)
	}
	for name, want := range map[string]string{"2014/day2/item2.txt": "text number 2\n", "2014/day3/item3.txt": "text number 3\n"} {
		_, content, err := w.g.Snapshots.Open(w.ctx, gateway.Ref{Account: "press", Container: "photos", Object: name}, snapshots[0].ID)
		w.must(err)
		w.shows(name, content, want)
	}
}

// others looks at users, depots and spaces.
func (w *golden) others() {
	operator := auth.WithPrincipal(w.t.Context(), auth.Principal{Operator: true})
	depots, err := w.g.Depots.Owned(operator, "carla", 3, false)
	w.must(err)
	if len(depots) != 1 || depots[0].StorageLimit != 5<<30 {
		w.t.Errorf("depots %+v", depots)
	}
	spaces, err := w.g.Spaces.List(w.ctx, "press")
	w.must(err)
	if !slices.Equal(spaces, []string{"bricks", "drive", "kept", "photos", "segments"}) {
		w.t.Errorf("spaces %q", spaces)
	}
	_, err = w.g.Spaces.ReportStore(w.ctx, "press", w.s.Now().Time().AddDate(-1, 0, 0), w.s.Now().Time(), gateway.ByMonth)
	w.must(err)
}
