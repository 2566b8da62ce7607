package gateway

import (
	"context"
	"encoding/binary"
	"encoding/hex"
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

// LogPage asks for lines of the administrators' log.
type LogPage struct {
	Before time.Time // only lines before this moment; zero: all
	Marker string    // what the page before returned; Before does not count then
	Limit  int       // at most this many lines
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

// Log returns a page of the administrators' log, newest first, and the marker
// of the next one, "" where this is the last. Lines of one moment are never
// lost between two pages. A marker that no page returned is Invalid.
// Administrators and auditors only.
func (a *Accounts) Log(ctx context.Context, page LogPage) (lines []AdminRecord, next string, err error) {
	p := auth.PrincipalOf(ctx)
	if !knowsAccounts(p) {
		return nil, "", needAdmin(p)
	}
	at, number, err := page.start()
	if err != nil {
		return nil, "", err
	}
	var list []store.AdminEntry
	err = a.store.View(ctx, func(v *store.View) (err error) {
		list, err = v.AdminLog(at, number, page.Limit)
		return err
	})
	out := make([]AdminRecord, len(list))
	for i, e := range list {
		out[i] = AdminRecord{
			Time: e.Time.Time(), Caller: e.Caller, Address: e.Address, Method: e.Method, Target: e.Target, Result: e.Result,
		}
	}
	if n := len(list); n > 0 && n == page.Limit {
		next = logMarker(list[n-1].Time, list[n-1].Number)
	}
	return out, next, err
}

// start is where a page begins: before a line, known by its time and number.
func (page *LogPage) start() (store.Stamp, uint64, error) {
	switch {
	case page.Marker != "":
		row, err := hex.DecodeString(page.Marker)
		if err != nil || len(row) != 16 {
			return 0, 0, errs.New("accounts.log", errs.Invalid, "", "The marker is none of this log.")
		}
		return store.Stamp(binary.BigEndian.Uint64(row)), binary.BigEndian.Uint64(row[8:]), nil
	case page.Before.IsZero():
		return 0, 0, nil
	}
	return store.StampOf(page.Before), 0, nil
}

// logMarker is the marker of the lines before one.
func logMarker(at store.Stamp, number uint64) string {
	row := binary.BigEndian.AppendUint64(nil, uint64(at))
	return hex.EncodeToString(binary.BigEndian.AppendUint64(row, number))
}
