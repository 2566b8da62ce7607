package store_test

import (
	"bytes"
	"context"
	"sync"
	"testing"

	"entrepot/store"
	"entrepot/store/blob/memblob"
	"entrepot/store/kv"
	"entrepot/store/kv/memkv"
)

// watched is an engine that tells of the locks of every transaction.
type watched struct {
	kv.Engine
	seen func([]kv.Lock)
}

func (w *watched) Update(ctx context.Context, locks []kv.Lock, fn func(kv.Tx) error) error {
	w.seen(locks)
	return w.Engine.Update(ctx, locks, fn)
}

// Who holds a depot exclusively writes the records of its containers without
// their own locks. So who writes one holds the depot's, too.
func TestNamesAreTakenOutOfListsUnderTheLockOfTheDepot(t *testing.T) {
	var mu sync.Mutex // the store itself may take the names out, too
	var judged, written bool
	container, depot := store.LockContainer(77, false), store.LockDepot(5, true)
	engine := &watched{Engine: memkv.New(memkv.Options{}), seen: func(locks []kv.Lock) {
		var has, shares bool
		for _, l := range locks {
			has = has || l.Key.Table == container.Key.Table && bytes.Equal(l.Key.Row, container.Key.Row)
			shares = shares || l.Key.Table == depot.Key.Table && bytes.Equal(l.Key.Row, depot.Key.Row)
		}
		mu.Lock()
		defer mu.Unlock()
		written = written || judged && has
		if judged && has && !shares {
			t.Error("the container is written without its depot's lock")
		}
	}}
	w := newWorld(t, engine, memblob.New(memblob.Options{}))
	w.update([]store.Guard{container, depot}, func(tx *store.Tx) error {
		c, _, err := tx.Container(77)
		c.ReadACL, c.ReadSet = "press:bob", w.Now()
		tx.PutContainer(&c)
		return err
	})
	mu.Lock()
	judged = true
	mu.Unlock()
	w.update([]store.Guard{store.LockUser("bob")}, func(tx *store.Tx) error {
		return tx.DeleteUser(&store.User{Name: "bob", Account: "press"}, w.Now())
	})
	if err := w.ForgetNames(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := w.View(t.Context(), func(v *store.View) error {
		c, _, err := v.Container(77)
		if c.ReadACL != "" {
			t.Errorf("the list is %q", c.ReadACL)
		}
		return err
	})
	mu.Lock()
	defer mu.Unlock()
	if err != nil || !written {
		t.Errorf("written: %v, %v", written, err)
	}
}
