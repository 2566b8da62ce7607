package gateway

import (
	"context"
	"sync"
	"time"

	"entrepot/auth"
	"entrepot/store"
)

// A DepotAPICall is one line of the depot API's log: who called what, and how
// it ended. It holds neither proofs nor bodies.
type DepotAPICall struct {
	ID                 uint64 // given when it is written
	Time               time.Time
	Address            string
	Dialect            string
	Command            string // "" when the request was refused before it was read
	User               string
	Depot              uint64
	Primary, Secondary int // codes of the answer; 0: success
	Took               time.Duration
	// Denied tells that the caller proved nothing. Of such lines only some are
	// kept, so that a stranger cannot fill the store.
	Denied bool
}

// Bounds of the log.
const (
	maxPendingCalls  = 65_536 // lines that wait to be written
	maxPendingDenied = 100    // of them those of callers who proved nothing
	soonPending      = 4096   // waiting lines that are written at once
	callsOfWrite     = 4096   // lines of one transaction
	callsOfTrim      = 10_000 // old lines that one transaction removes
	trimEvery        = time.Hour
)

// callLog collects lines of the depot API's log and writes them in batches: a
// line is no reason for a commit. A crash loses those of the last moment. The
// lines of changes are no part of it, see DepotCall.Log.
type callLog struct {
	*background
	core *core

	mu      sync.Mutex
	pending []store.DepotCall
	denied  int
	lost    int
	trimmed store.Stamp // when old lines were last removed
}

func startCallLog(ctx context.Context, c *core) *callLog {
	l := &callLog{core: c}
	l.background = startBackground(ctx, c.cfg.DepotLogFlush, l.flush)
	return l
}

// LogCall notes a call of the depot API in its log, which is written down
// within a second. It never fails: lines that cannot be kept are counted in
// the gateway's own log.
func (d *Depots) LogCall(call DepotAPICall) {
	l := d.calls
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pending) >= maxPendingCalls || call.Denied && l.denied >= maxPendingDenied {
		l.lost++
		return
	}
	id, err := d.store.NewID()
	if err != nil {
		l.lost++
		return
	}
	if call.Denied {
		l.denied++
	}
	l.pending = append(l.pending, *call.record(id))
	if len(l.pending) >= soonPending {
		l.hurry()
	}
}

// record returns the line as it is written.
func (call *DepotAPICall) record(id uint64) *store.DepotCall {
	return &store.DepotCall{
		Time: store.StampOf(call.Time), ID: id, Address: call.Address, Dialect: call.Dialect, Command: call.Command,
		User: call.User, Depot: call.Depot, Primary: int64(call.Primary), Secondary: int64(call.Secondary),
		Micros: call.Took.Microseconds(),
	}
}

// prepare asks for the line of the log that goes into the transaction of a
// change.
func (d *Depots) prepare(call *DepotCall) error {
	if call.Log == nil {
		return nil
	}
	id, err := d.store.NewID()
	if err != nil {
		return err
	}
	line := call.Log()
	call.line = line.record(id)
	return nil
}

// flush writes down the lines that wait; those that cannot be written wait on.
func (l *callLog) flush(ctx context.Context) {
	for l.write(ctx) {
	}
	l.trim(ctx)
}

// write writes one batch and tells whether there is another.
func (l *callLog) write(ctx context.Context) bool {
	l.mu.Lock()
	batch := l.pending[:min(len(l.pending), callsOfWrite)]
	lost := l.lost
	l.denied, l.lost = 0, 0
	l.mu.Unlock()
	if lost > 0 {
		l.core.cfg.Logger.Warn("lines of the depot API's log were not kept", "lines", lost)
	}
	if len(batch) == 0 {
		return false
	}
	err := l.core.store.Update(ctx, nil, func(tx *store.Tx) error {
		for i := range batch {
			tx.AddDepotCall(&batch[i])
		}
		return nil
	})
	if err != nil {
		l.core.cfg.Logger.Warn("writing the depot API's log", "err", err)
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending = l.pending[len(batch):]; len(l.pending) == 0 {
		l.pending = nil // the array may go
	}
	return len(l.pending) > 0
}

// trim removes lines that are older than they are kept, every hour.
func (l *callLog) trim(ctx context.Context) {
	now, keep := l.core.now(), l.core.cfg.DepotLog
	if keep < 0 || l.trimmed != 0 && now.Time().Sub(l.trimmed.Time()) < trimEvery {
		return
	}
	l.trimmed = now
	before := store.StampOf(now.Time().Add(-keep))
	for more := true; more && ctx.Err() == nil; {
		err := l.core.store.Update(ctx, nil, func(tx *store.Tx) (err error) {
			more, err = tx.TrimDepotCalls(before, callsOfTrim)
			return err
		})
		if err != nil {
			l.core.cfg.Logger.Warn("removing old lines of the depot API's log", "err", err)
			return
		}
	}
}

// CallLog returns lines of the depot API's log, oldest first: those behind the
// time and ID of another line, at most limit. Lines of the last second may be
// missing, but not those of changes that were carried out.
func (d *Depots) CallLog(ctx context.Context, after time.Time, id uint64, limit int) ([]DepotAPICall, error) {
	if err := operator(auth.PrincipalOf(ctx)); err != nil {
		return nil, err
	}
	var list []store.DepotCall
	err := d.store.View(ctx, func(v *store.View) (err error) {
		list, err = v.DepotCalls(max(0, store.StampOf(after)), id, limit)
		return err
	})
	out := make([]DepotAPICall, len(list))
	for i, c := range list {
		out[i] = DepotAPICall{
			ID: c.ID, Time: c.Time.Time(), Address: c.Address, Dialect: c.Dialect, Command: c.Command, User: c.User,
			Depot: c.Depot, Primary: int(c.Primary), Secondary: int(c.Secondary), Took: time.Duration(c.Micros) * time.Microsecond,
		}
	}
	return out, err
}
