package gateway_test

import (
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// replaced is a world in which tester moved one file over another while
// holding the locks of both; the tokens are theirs.
func replaced(t *testing.T) (w *world, source, target string) {
	t.Helper()
	w = newWorld(t)
	w.put("new", "new")
	w.put("old", "old")
	take := func(name string) string {
		l, _, err := w.g.Trees.Lock(w.ctx, ref("c", name), gateway.LockRequest{Exclusive: true, Timeout: time.Minute})
		w.must(err)
		return l.Token
	}
	source, target = take("new"), take("old")
	_, err := w.g.Trees.Move(w.ctx, ref("c", "new"), ref("c", "old"), gateway.TreeOptions{
		Overwrite: true, Conditions: gateway.Conditions{Tokens: []string{source, target}},
	})
	w.must(err)
	return w, source, target
}

// refresh refreshes a lock of old as davfs2 does, with an If header.
func (w *world) refresh(token string) error {
	_, err := w.g.Trees.Refresh(w.ctx, ref("c", "old"), gateway.Conditions{
		Lists: []gateway.ConditionList{{Conditions: []gateway.Condition{{Token: token}}}}, Tokens: []string{token},
	}, time.Minute)
	return err
}

func TestLockOfReplacedFileBindsNobody(t *testing.T) {
	w, _, target := replaced(t)
	n, err := w.g.Trees.Stat(w.ctx, ref("c", "old"), gateway.NodeParts{Locks: true})
	if w.must(err); len(n.Locks) != 0 {
		t.Errorf("locks are shown: %+v", n.Locks)
	}
	wantKind(t, w.g.Trees.Unlock(w.ctx, ref("c", "old"), target), errs.Conflict, errs.NoLock)
	w.put("old", "newer") // without a token
	w.sound()
}

func TestHolderTakesLockOfReplacedFileAgainByRefreshingIt(t *testing.T) {
	w, source, target := replaced(t)
	wantKind(t, w.refresh(source), errs.Precondition, "")
	w.must(w.refresh(target))
	wantKind(t, w.g.Objects.Delete(w.ctx, ref("c", "old"), nil), errs.Locked, "")
	w.must(w.refresh(target))
	w.must(w.g.Trees.Unlock(w.ctx, ref("c", "old"), target))
	wantKind(t, w.refresh(target), errs.Precondition, "")
	w.sound()
}

func TestLockOfReplacedFileIsNotTakenAgain(t *testing.T) {
	for name, between := range map[string]func(w *world){
		"after its time": func(w *world) { w.Clock.Advance(time.Minute) },
		"where another lock is": func(w *world) {
			_, _, err := w.g.Trees.Lock(w.ctx, ref("c", "old"), gateway.LockRequest{})
			w.must(err)
		},
		"where another lock was": func(w *world) {
			l, _, err := w.g.Trees.Lock(w.ctx, ref("c", "old"), gateway.LockRequest{})
			w.must(err)
			w.must(w.g.Trees.Unlock(w.ctx, ref("c", "old"), l.Token))
		},
		"below a lock of the folder": func(w *world) {
			_, _, err := w.g.Trees.Lock(w.ctx, ref("c", ""), gateway.LockRequest{Infinite: true})
			w.must(err)
		},
		"when the file is gone": func(w *world) {
			w.must(w.g.Objects.Delete(w.ctx, ref("c", "old"), nil))
			w.put("old", "another")
		},
		"by somebody else": func(w *world) {
			w.AddUser("other", "test", "secret", "owner")
			w.ctx = w.Ctx("other")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, _, target := replaced(t)
			between(w)
			wantKind(t, w.refresh(target), errs.Precondition, "")
			w.sound()
		})
	}
}
