package boltkv_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"entrepot/store/kv"
	"entrepot/store/kv/boltkv"
)

// damaged returns a database of 2,000 rows in which all pages of a kind are
// overwritten: those with rows, or the one that names the bucket.
func damaged(t *testing.T, root bool) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "store.db")
	e := openAt(t, path)
	if err := e.Update(t.Context(), nil, put("row", 2000)); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size, hit := os.Getpagesize(), 0
	for page := 2; page*size < len(data); page++ {
		head := data[page*size:] // page number (8 bytes), flags, count (2 each)
		leaf := binary.NativeEndian.Uint16(head[8:]) == 2
		if count := binary.NativeEndian.Uint16(head[10:]); leaf && (count == 1) == root {
			copy(head, "overwritten")
			hit++
		}
	}
	if err := os.WriteFile(path, data, 0o600); err != nil || hit == 0 {
		t.Fatal(err, hit)
	}
	return path
}

// outcome returns what fn returns or panics with.
func outcome(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return fn()
}

func TestDamagedRowsReachTheReaderOnly(t *testing.T) {
	e := openAt(t, damaged(t, false))
	read := func(r kv.Reader) error {
		_, err := r.Get(kv.Key{Table: 1, Row: []byte("row/00007")})
		return err
	}
	if err := outcome(func() error { return e.View(t.Context(), read) }); err == nil {
		t.Error("a view of damaged rows says nothing")
	}
	err := outcome(func() error { return e.Update(t.Context(), nil, func(tx kv.Tx) error { return read(tx) }) })
	if err == nil || errors.Is(err, kv.ErrStopped) {
		t.Errorf("an update that reads damaged rows: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestDamageMetInACommitStopsWriting(t *testing.T) {
	e := openAt(t, damaged(t, false))
	if err := e.Update(t.Context(), nil, put("row", 1)); !errors.Is(err, kv.ErrUnknown) {
		t.Errorf("Update = %v", err)
	}
	if err := e.Update(t.Context(), nil, put("row", 1)); !errors.Is(err, kv.ErrStopped) {
		t.Errorf("later Update = %v", err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestOpenRefusesADamagedDatabaseWithItsName(t *testing.T) {
	path := damaged(t, true)
	_, err := boltkv.Open(path, boltkv.Options{})
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("Open = %v", err)
	}
}
