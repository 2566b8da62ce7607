package gateway_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/store"
	"entrepot/store/blob/dirblob"
	"entrepot/store/kv/boltkv"
)

// BenchmarkDeleteAccount marks accounts of different sizes as deleted, on
// disk: what a caller of the deletion waits for. "reaped" is how long the
// background work then took for the last of them.
func BenchmarkDeleteAccount(b *testing.B) {
	for _, objects := range []int{0, 1000, 100_000} {
		b.Run(fmt.Sprint("objects=", objects), func(b *testing.B) { deleteAccounts(b, objects) })
	}
}

func deleteAccounts(b *testing.B, objects int) {
	ctx := auth.WithPrincipal(context.WithoutCancel(b.Context()), auth.Local())
	engine, err := boltkv.Open(filepath.Join(b.TempDir(), "db"), boltkv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	blobs, err := dirblob.Open(filepath.Join(b.TempDir(), "blobs"), dirblob.Options{})
	if err != nil {
		b.Fatal(err)
	}
	var moved time.Duration
	s, err := store.Open(ctx, engine, blobs, store.Options{Now: func() time.Time { return time.Now().Add(moved) }})
	if err != nil {
		b.Fatal(err)
	}
	g, err := gateway.New(ctx, s, gateway.Config{RemovalDelay: 24 * time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		for _, end := range []func() error{g.Close, s.Close, engine.Close, blobs.Close} {
			if err := end(); err != nil {
				b.Error(err)
			}
		}
	})
	if err := g.Accounts.AddUser(ctx, gateway.NewUser{Name: "root", Account: "ops", Role: auth.RoleAdmin}); err != nil {
		b.Fatal(err)
	}
	fillAccount(b, ctx, g, objects)
	b.ResetTimer()
	for range b.N {
		if err := g.Accounts.Delete(ctx, "big"); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		revive(b, ctx, s)
		b.StartTimer()
	}
	b.StopTimer()
	if err := g.Accounts.Delete(ctx, "big"); err != nil {
		b.Fatal(err)
	}
	moved = 48 * time.Hour
	begin := time.Now()
	if n, err := s.ReapAccounts(ctx); err != nil || n != 1 {
		b.Fatal(n, err)
	}
	s.Drain(ctx)
	b.ReportMetric(float64(time.Since(begin).Milliseconds()), "ms/reaped")
}

// fillAccount makes the account big with ten containers of small objects.
func fillAccount(b *testing.B, ctx context.Context, g *gateway.Gateway, objects int) {
	b.Helper()
	if err := g.Accounts.AddUser(ctx, gateway.NewUser{Name: "big", Account: "big", Role: auth.RoleOwner}); err != nil {
		b.Fatal(err)
	}
	const containers, writers = 10, 64
	for i := range containers {
		if _, err := g.Containers.Create(ctx, gateway.Ref{Account: "big", Container: fmt.Sprint("c", i)}, gateway.ContainerChange{}); err != nil {
			b.Fatal(err)
		}
	}
	failed := make(chan error, writers)
	for w := range writers {
		go func() {
			for i := w; i < objects; i += writers {
				ref := gateway.Ref{Account: "big", Container: fmt.Sprint("c", i%containers), Object: fmt.Sprint("o", i)}
				if _, err := g.Objects.Put(ctx, ref, strings.NewReader("content"), gateway.PutOptions{Size: 7}); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range writers {
		if err := <-failed; err != nil {
			b.Fatal(err)
		}
	}
}

// revive takes the mark off again.
func revive(b *testing.B, ctx context.Context, s *store.Store) {
	b.Helper()
	err := s.Update(ctx, []store.Guard{store.LockAccount("big", false)}, func(tx *store.Tx) error {
		a, _, err := tx.Account("big")
		a.State, a.Deleted = store.AccountActive, 0
		tx.PutAccount(&a)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
}
