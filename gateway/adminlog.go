package gateway

import (
	"context"
	"sync"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// AdminRecord is one line of the administrators' log: who changed accounts,
// users or keys, or tried to.
type AdminRecord struct {
	Time    time.Time
	Caller  string // login name; auth.LocalUser for the machine itself
	Address string // "" for the machine itself
	Method  string // such as "account.delete"
	Target  string // the account, user or key that it was about
	Result  string // "done", or the kind of failure and its text
}

// resultDone is the result of what was carried out.
const resultDone = "done"

// done is the line of a change that its transaction carries out.
func done(p auth.Principal, now store.Stamp, method, target string) store.AdminEntry {
	return entryOf(p, now, method, target, resultDone)
}

func entryOf(p auth.Principal, now store.Stamp, method, target, result string) store.AdminEntry {
	e := store.AdminEntry{Time: now, Caller: p.User, Method: method, Target: target, Result: result}
	if p.Address.IsValid() {
		e.Address = p.Address.String()
	}
	return e
}

// notes bounds how many failures a caller gets written down, so that nobody
// fills the log with them.
type notes struct {
	mu    sync.Mutex
	since store.Stamp
	count map[string]int
}

// notesPerMinute is how many failures of one caller are written down.
const notesPerMinute = 60

func newNotes() *notes { return &notes{count: map[string]int{}} }

// take tells whether another failure of a caller is written down.
func (n *notes) take(caller string, now store.Stamp) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now.Time().Sub(n.since.Time()) >= time.Minute {
		n.since = now
		clear(n.count)
	}
	n.count[caller]++
	return n.count[caller] <= notesPerMinute
}

// NoteFailed writes down that a caller tried to change something and why it
// was not done. Callers whom nobody knows leave no line, others 60 a minute:
// they must not be able to fill the log. What is done writes its line itself.
func (a *Accounts) NoteFailed(ctx context.Context, method, target string, failure error) error {
	p := auth.PrincipalOf(ctx)
	now := a.now()
	if p.Anonymous() || failure == nil || !a.noted.take(store.Fold(p.User), now) {
		return nil
	}
	result := errs.Of(failure).String()
	if text := errs.TextOf(failure); text != "" {
		result += ": " + text
	}
	e := entryOf(p, now, method, target, result)
	return a.store.Update(ctx, nil, func(tx *store.Tx) error {
		tx.AddAdminEntry(e)
		return nil
	})
}

// Log lists the administrators' log before a moment (zero: from now on back),
// newest first, at most limit lines. Administrators and auditors only.
func (a *Accounts) Log(ctx context.Context, before time.Time, limit int) ([]AdminRecord, error) {
	p := auth.PrincipalOf(ctx)
	if !knowsAccounts(p) {
		return nil, needAdmin(p)
	}
	var at store.Stamp
	if !before.IsZero() {
		at = store.StampOf(before)
	}
	var list []store.AdminEntry
	err := a.store.View(ctx, func(v *store.View) (err error) {
		list, err = v.AdminLog(at, limit)
		return err
	})
	out := make([]AdminRecord, len(list))
	for i, e := range list {
		out[i] = AdminRecord{
			Time: e.Time.Time(), Caller: e.Caller, Address: e.Address, Method: e.Method, Target: e.Target, Result: e.Result,
		}
	}
	return out, err
}
