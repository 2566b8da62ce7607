package gateway_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// Decisions look at all locks of a resource and of a tree. So their numbers
// are bounded when locks are made, and a lock that is there always binds.
func TestLocksOfAContainerAreBounded(t *testing.T) {
	w := newWorldWith(t, gateway.Config{MaxLocks: 10})
	w.put("z/kept", "x")
	lock := func(name string) error {
		_, _, err := w.g.Trees.Lock(w.ctx, ref("c", name), gateway.LockRequest{Timeout: time.Minute})
		return err
	}
	for i := range 9 {
		w.must(lock(fmt.Sprintf("file-%d", i)))
	}
	w.AddUser("other", "test", "secret", "owner")
	_, _, err := w.g.Trees.Lock(w.Ctx("other"), ref("c", "z/kept"), gateway.LockRequest{Exclusive: true, Timeout: time.Hour})
	w.must(err)
	wantKind(t, lock("one-more"), errs.OverQuota, errs.MetadataFull)
	if _, err := w.g.Trees.Stat(w.ctx, ref("c", "one-more"), gateway.NodeParts{}); errs.Of(err) != errs.NotFound {
		t.Errorf("a lock without room made a file: %v", err)
	}
	// Expired locks make room, at whatever path they are.
	w.Clock.Advance(time.Minute)
	for i := range 9 {
		w.must(lock(fmt.Sprintf("again-%d", i)))
	}
	wantKind(t, lock("one-more"), errs.OverQuota, errs.MetadataFull)
	wantKind(t, w.g.Trees.Delete(w.ctx, ref("c", "z"), gateway.Conditions{}), errs.Locked, "")
}

// Of one resource there are fewer, since each look at it reads them all.
func TestSharedLocksOfAResourceAreBounded(t *testing.T) {
	w := newWorld(t)
	w.put("f", "x")
	lock := func(exclusive bool) error {
		_, _, err := w.g.Trees.Lock(w.ctx, ref("c", "f"), gateway.LockRequest{Exclusive: exclusive, Timeout: time.Minute})
		return err
	}
	for range 500 {
		w.must(lock(false))
	}
	wantKind(t, lock(false), errs.OverQuota, errs.MetadataFull)
	wantKind(t, lock(true), errs.Locked, "")
	w.Clock.Advance(time.Minute)
	w.must(lock(true))
	n, err := w.g.Trees.Stat(w.ctx, ref("c", "f"), gateway.NodeParts{Locks: true})
	if err != nil || len(n.Locks) != 1 || !n.Locks[0].Exclusive {
		t.Errorf("%d locks, %v", len(n.Locks), err)
	}
}

// What owners of locks say of themselves is shown with every file that the
// locks of a folder cover: it is little, and a page of a listing shows few files
// that have much of it.
func TestOwnersOfLocksAreBounded(t *testing.T) {
	w := newWorld(t)
	owner := bytes.Repeat([]byte("o"), 16<<10)
	lock := func() error {
		_, _, err := w.g.Trees.Lock(w.ctx, ref("c", ""), gateway.LockRequest{Infinite: true, Owner: owner, Timeout: time.Minute})
		return err
	}
	for i := range 200 {
		w.put(fmt.Sprintf("f%03d", i), "x")
	}
	for range 4 {
		w.must(lock())
	}
	wantKind(t, lock(), errs.OverQuota, errs.MetadataFull)
	for _, recursive := range []bool{false, true} {
		opt := gateway.ListTree{Recursive: recursive, Parts: gateway.NodeParts{Locks: true}}
		nodes, pages := 0, 0
		for more := true; more; pages++ {
			page, err := w.g.Trees.List(w.ctx, ref("c", ""), opt)
			w.must(err)
			size := 0
			for i, n := range page.Nodes {
				if want := fmt.Sprintf("f%03d", nodes+i); n.Ref.Object != want || len(n.Locks) != 4 {
					t.Fatalf("%v with %d locks in the place of %s", n.Ref, len(n.Locks), want)
				}
				for _, l := range n.Locks {
					size += len(l.Owner)
				}
			}
			if size > 4<<20 {
				t.Errorf("a page has %d bytes of owners", size)
			}
			nodes += len(page.Nodes)
			opt.After, more = page.Next, page.Next != gateway.Ref{}
		}
		if nodes != 200 || pages > 20 {
			t.Errorf("%d nodes on %d pages", nodes, pages)
		}
	}
	w.Clock.Advance(time.Minute)
	w.must(lock())
}
