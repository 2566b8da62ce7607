package store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"entrepot/gateway/errs"
	"entrepot/store"
	"entrepot/store/blob"
	"entrepot/store/blob/dirblob"
	"entrepot/store/blob/memblob"
	"entrepot/store/kv"
	"entrepot/store/kv/boltkv"
	"entrepot/store/kv/memkv"
)

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a store with one account, depot and container.
type world struct {
	*store.Store
	t         *testing.T
	clock     *clock
	engine    kv.Engine
	blobs     blob.Blobs
	container store.Container
	log       *bytes.Buffer
}

// hostile returns a world over the adversarial memory engine and memory blobs.
func hostile(t *testing.T) (*world, *memblob.Store) {
	engine := memkv.New(memkv.Options{
		Adversarial: true, Seed: 7, Covers: store.Covers,
		Fail: func(message string) { t.Error(message) },
	})
	blobs := memblob.New(memblob.Options{})
	return newWorld(t, engine, blobs), blobs
}

// onDisk returns a world over the engines of production in a directory.
func onDisk(t *testing.T, dir string) (*world, *boltkv.Engine, *dirblob.Store) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	engine, err := boltkv.Open(filepath.Join(dir, "entrepot.db"), boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	blobs, err := dirblob.Open(filepath.Join(dir, "blobs"), dirblob.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	return newWorld(t, engine, blobs), engine, blobs
}

func newWorld(t *testing.T, engine kv.Engine, blobs blob.Blobs) *world {
	t.Helper()
	w := &world{
		t: t, clock: &clock{now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)},
		engine: engine, blobs: blobs, log: &bytes.Buffer{},
	}
	w.open()
	w.container = store.Container{ID: 77, Account: "press", Name: "photos", Depot: 5}
	now := w.Now()
	locks := []store.Guard{
		store.LockAccount("press", false), store.LockDepot(5, false), store.LockName("press", "photos"),
		store.LockContainer(77, false), store.LockUser("anna"),
	}
	w.update(locks, func(tx *store.Tx) error {
		if _, found, err := tx.Container(77); err != nil || found {
			return err
		}
		tx.PutAccount(&store.Account{Name: "press", Created: now, DefaultDepot: 5})
		tx.PutUser(&store.User{Name: "Anna", Account: "press", Role: "owner", Created: now})
		tx.PutDepot(nil, &store.Depot{ID: 5, Owner: "anna", Account: "press", Created: now})
		tx.CreateContainer(&w.container)
		return nil
	})
	return w
}

// open opens the store again over the same engines.
func (w *world) open() {
	w.t.Helper()
	var mu sync.Mutex
	log := slog.New(slog.NewTextHandler(lockedWriter{&mu, w.log}, nil))
	s, err := store.Open(w.t.Context(), w.engine, w.blobs, store.Options{Now: w.clock.Now, InlineLimit: 64, Logger: log})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Store = s
	w.t.Cleanup(func() { _ = s.Close() })
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func (w *world) update(locks []store.Guard, fn func(*store.Tx) error) {
	w.t.Helper()
	if err := w.Update(w.t.Context(), locks, fn); err != nil {
		w.t.Fatal(err)
	}
}

// bytesOf returns n bytes that depend on a name.
func bytesOf(name string, n int) []byte {
	r := rand.New(rand.NewPCG(uint64(len(name)), uint64(n)))
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(r.Uint32()) ^ name[i%len(name)]
	}
	return data
}

// put stores n bytes under a name, to live until a moment (zero: for ever).
func (w *world) put(name string, n int, until time.Time) store.Object {
	w.t.Helper()
	return w.putBytes(name, bytesOf(name, n), until)
}

func (w *world) putBytes(name string, data []byte, until time.Time) store.Object {
	w.t.Helper()
	up := w.NewUpload(w.t.Context())
	defer up.Close()
	if err := up.Receive(bytes.NewReader(data), 1<<30); err != nil {
		w.t.Fatal(err)
	}
	content, err := up.Finish()
	if err != nil {
		w.t.Fatal(err)
	}
	now := w.Now()
	o := store.Object{Name: name, Created: now, Written: now, Timestamp: now, ContentType: "text/plain", Content: content}
	if !until.IsZero() {
		o.DeleteAt = until.Unix()
	}
	w.update(w.locks(name), func(tx *store.Tx) error {
		old, found, err := tx.Object(w.container.ID, name)
		if err != nil {
			return err
		}
		before := &old
		if !found {
			before = nil
		}
		up.Attach(tx, content)
		next := o
		tx.PutObject(&w.container, before, &next, now)
		return nil
	})
	return o
}

func (w *world) locks(name string) []store.Guard {
	return append(store.LocksOfWrite(w.container.ID, name, false), store.LockDepot(5, true))
}

// share makes a copy of an object that refers to the same content.
func (w *world) share(from, to string) {
	w.t.Helper()
	w.update([]store.Guard{store.LockContainer(w.container.ID, false), store.LockDepot(5, true)}, func(tx *store.Tx) error {
		src, found, err := tx.Object(w.container.ID, from)
		if err != nil || !found {
			return errors.Join(err, errors.New("nothing to copy"))
		}
		dst := src
		dst.Name = to
		tx.ShareContent(&w.container, &src, &dst.Content)
		tx.PutObject(&w.container, nil, &dst, w.Now())
		return nil
	})
}

func (w *world) delete(name string) {
	w.t.Helper()
	w.update(w.locks(name), func(tx *store.Tx) error {
		o, found, err := tx.Object(w.container.ID, name)
		if err != nil || !found {
			return errors.Join(err, errors.New("nothing to delete"))
		}
		tx.DeleteObject(&w.container, &o, w.Now())
		return nil
	})
}

func (w *world) object(name string) (o store.Object, found bool) {
	w.t.Helper()
	err := w.View(w.t.Context(), func(v *store.View) (err error) {
		o, found, err = v.Object(w.container.ID, name)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return o, found
}

// read reads an object to its end as a gateway does.
func (w *world) read(name string) ([]byte, error) {
	w.t.Helper()
	return readObject(w.t.Context(), w.Store, w.container.ID, name)
}

func readObject(ctx context.Context, s *store.Store, id uint64, name string) ([]byte, error) {
	var o store.Object
	var data []byte
	err := s.View(ctx, func(v *store.View) error {
		var found bool
		var err error
		if o, found, err = v.Object(id, name); err != nil {
			return err
		}
		if !found {
			return errs.New("test", errs.NotFound, errs.NoObject, "")
		}
		if o.Content.Inline {
			data, err = v.Inline(o.Content)
		}
		return err
	})
	if err != nil || o.Content.Inline || o.Content.Size == 0 {
		return data, err
	}
	r, err := s.OpenObject(ctx, id, &o)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	_, err = r.WriteRange(&out, 0, r.Size())
	return out.Bytes(), errors.Join(err, r.Close())
}

// events returns the kinds of the events that were raised, oldest first.
func (w *world) events() string {
	w.t.Helper()
	list, err := w.Events(w.t.Context(), 100)
	if err != nil {
		w.t.Fatal(err)
	}
	var kinds []string
	for i := len(list) - 1; i >= 0; i-- {
		kinds = append(kinds, string(list[i].Kind))
	}
	return strings.Join(kinds, " ")
}

func (w *world) counts() (objects, size int64) {
	w.t.Helper()
	err := w.View(w.t.Context(), func(v *store.View) error {
		b := v.Batch()
		b.Count(store.CountContainerObjects, w.container.ID, &objects)
		b.Count(store.CountContainerBytes, w.container.ID, &size)
		return b.Do()
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return objects, size
}

func flip(b []byte) []byte { b[len(b)/2] ^= 1; return b }
