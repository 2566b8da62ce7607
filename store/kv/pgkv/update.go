package pgkv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"entrepot/store/kv"
)

// maxConflicts is how often a function runs again because the server ended
// its transaction in favour of another.
const maxConflicts = 20

// A wanted lock is a lock as the server knows it.
type wanted struct {
	hash   int64
	shared bool
}

// sorted returns locks in the order of their hashes, in which all take them,
// each once, exclusive where any of its uses is.
func (e *Engine) sorted(locks []kv.Lock) []wanted {
	list := make([]wanted, len(locks))
	for i, l := range locks {
		list[i] = wanted{e.lockHash(l.Key), l.Shared}
	}
	slices.SortFunc(list, func(a, b wanted) int {
		switch {
		case a.hash != b.hash:
			return cmp.Compare(a.hash, b.hash)
		case !a.shared && b.shared:
			return -1 // CompactFunc keeps the first
		case a.shared && !b.shared:
			return 1
		}
		return 0
	})
	return slices.CompactFunc(list, func(a, b wanted) bool { return a.hash == b.hash })
}

// lockStep returns the statement that takes locks and tells the
// transaction's ID.
func (e *Engine) lockStep(locks []kv.Lock) step {
	if len(locks) == 0 {
		return step{statement: ownID}
	}
	list := e.sorted(locks)
	hashes, shared := newInt8Array(len(list)), newBoolArray(len(list))
	for _, w := range list {
		hashes.addInt8(w.hash)
		shared.addBool(w.shared)
	}
	return step{statement: takeLocks, params: [][]byte{hashes.bytes(), shared.bytes()}}
}

// An update is one call of Update.
type update struct {
	e     *Engine
	ctx   context.Context // of the call, which it does not outlive
	locks step
	fn    func(kv.Tx) error
}

// An identity names a transaction on the server once its outcome is in doubt.
type identity struct {
	id    uint64 // with its epoch of wraparounds
	pid   uint32
	epoch string
}

// run runs the function until a transaction was committed or fails for good.
func (u *update) run() error {
	var tried wait
	for conflicts := 0; ; {
		err := u.attempt()
		switch {
		case err == nil, errors.Is(err, kv.ErrUnknown):
			return err
		case errors.Is(err, errAborted), unreachableAttempt(err):
		case conflict(err) && conflicts < maxConflicts:
			conflicts++
		default:
			return u.visible(err)
		}
		if !tried.pause(u.ctx, u.e.opt.Patience) {
			if u.ctx.Err() != nil {
				return u.ctx.Err() // nothing took effect
			}
			return u.visible(err)
		}
		u.e.retries.Add(1)
		u.e.opt.Logger.Debug("running a transaction again", "err", err)
	}
}

// visible returns a failure as callers see it.
func (u *update) visible(err error) error {
	var f failed
	if errors.As(err, &f) {
		return fmt.Errorf("pgkv: %w", f.error)
	}
	return err
}

// failed marks an error of the server or the connection, as opposed to one
// of the caller's function.
type failed struct{ error }

// Unwrap offers the cause.
func (f failed) Unwrap() error { return f.error }

// errAborted: a lost COMMIT has turned out not to have taken effect.
var errAborted = errors.New("the transaction was rolled back")

// conflict tells whether the server ended the transaction in favour of
// another.
func conflict(err error) bool {
	var f failed
	var refused *pgconn.PgError
	return errors.As(err, &f) && errors.As(err, &refused) && (refused.Code == "40001" || refused.Code == "40P01")
}

// unreachableAttempt tells whether an attempt failed because the server is
// away.
func unreachableAttempt(err error) bool {
	var f failed
	return errors.As(err, &f) && unreachable(f.error)
}

// attempt runs the function once and commits what it wrote.
func (u *update) attempt() error {
	var me identity
	take := u.locks
	take.row = func(row [][]byte) error {
		me.id = uint64(parseInt(row[len(row)-1]))
		return nil
	}
	s := &session{e: u.e, ctx: u.ctx, hurried: true, begin: []step{{statement: beginUpdate}, take}}
	defer s.leave(rollback)
	t := newTx(s)
	err := u.fn(t)
	if f := t.failure(); f != nil {
		if s.err != nil {
			return failed{f}
		}
		return f
	}
	if err != nil {
		return err
	}
	return u.commit(s, t, &me)
}

// commit makes what t wrote durable.
func (u *update) commit(s *session, t *tx, me *identity) error {
	if t.Overlay.Len() == 0 && !t.sent {
		return nil // nothing was written
	}
	steps := t.writes()
	if s.conn == nil {
		if err := s.do(); err != nil { // BEGIN and locks of a function that read nothing
			return failed{s.err}
		}
	}
	me.pid, me.epoch = s.link.pg.PID(), s.link.epoch
	var answer string
	steps = append(steps, step{statement: commit, done: func(tag pgconn.CommandTag) { answer = tag.String() }})
	err := s.do(steps...)
	switch {
	case answer == "COMMIT":
		u.e.commits.Add(1)
		return nil
	case err == nil:
		return failed{fmt.Errorf("COMMIT was answered with %q", answer)}
	case !s.lost():
		return failed{s.err} // refused by the server, which rolls back
	}
	s.drop()
	return u.resolve(*me, s.err)
}

// resolve finds out what became of a transaction whose connection broke
// before COMMIT was answered: nil for committed, errAborted, or kv.ErrUnknown.
func (u *update) resolve(me identity, cause error) error {
	patience := u.e.opt.Patience
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), patience)
	defer cancel()
	var tried wait
	for {
		committed, err := u.outcome(ctx, me)
		switch {
		case err == nil && committed:
			u.e.resolved.Add(1)
			u.e.commits.Add(1)
			u.e.opt.Logger.Info("a lost commit has taken effect", "cause", cause)
			return nil
		case err == nil:
			u.e.resolved.Add(1)
			u.e.opt.Logger.Info("a lost commit has not taken effect", "cause", cause)
			return errAborted
		case errors.Is(err, errDoubt) || !tried.pause(ctx, patience):
			u.e.opt.Logger.Warn("the outcome of a commit is unknown", "cause", cause, "err", err)
			return fmt.Errorf("%w: %w: %w", kv.ErrUnknown, cause, err)
		}
	}
}

// errDoubt: the server cannot tell what became of a transaction.
var errDoubt = errors.New("pgkv: the transaction's outcome is not recorded")

// errUnderWay: the transaction has not ended yet.
var errUnderWay = errors.New("pgkv: the transaction is still in progress")

// outcome asks over a new connection what became of a transaction, and ends
// it when it is in progress: its client is gone.
func (u *update) outcome(ctx context.Context, me identity) (committed bool, err error) {
	conn, err := u.e.connect(ctx)
	if err != nil {
		return false, err
	}
	defer closeQuietly(ctx, conn)
	epoch, primary, err := u.e.epoch(ctx, conn)
	if err != nil {
		return false, err
	}
	if !primary {
		return false, errors.New("pgkv: the server is a standby")
	}
	status, err := xactStatus(ctx, conn, me.id)
	if err != nil {
		return false, err
	}
	if epoch != me.epoch {
		return afterCrash(status)
	}
	switch status {
	case "committed", "aborted":
		return status == "committed", nil
	case "in progress":
		_, err := conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_xid = $2::text::xid`,
			int32(me.pid), fmt.Sprint(uint32(me.id)))
		return false, errors.Join(err, errUnderWay)
	}
	return false, errDoubt
}

// afterCrash judges a transaction from before a crash or a fail-over of the
// server. Had it been committed, its ID would be known as committed; but since
// then the ID may have been given to another, if its own use was lost.
func afterCrash(status string) (committed bool, err error) {
	if status == "committed" || status == "forgotten" {
		return false, errDoubt
	}
	return false, nil
}

// xactStatus returns what the server says of a transaction: committed,
// aborted, in progress, never for an ID that was not given out yet, or
// forgotten.
func xactStatus(ctx context.Context, conn *pgx.Conn, id uint64) (string, error) {
	var status *string
	err := conn.QueryRow(ctx, `SELECT pg_xact_status($1::text::xid8)`, fmt.Sprint(id)).Scan(&status)
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused) && refused.Code == "22023":
		return "never", nil // it lies in the future
	case err != nil:
		return "", err
	case status == nil:
		return "forgotten", nil
	}
	return *status, nil
}
