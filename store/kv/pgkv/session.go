package pgkv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"entrepot/store/kv"
)

// errTimeout: the server did not answer within Options.Timeout.
var errTimeout = fmt.Errorf("%w: the server did not answer in time", kv.ErrBusy)

// A session is one transaction on the server, from its first round trip on.
type session struct {
	e     *Engine
	ctx   context.Context // of the call that the session lives for
	begin []step          // sent before the first steps
	// hurried: ctx may end the first trip, which waits for locks, unless it had
	// ended before: then it did while fn ran, where it is not looked at.
	hurried bool
	// patient: a server that is away at the first trip is waited for.
	patient bool

	conn *pgxpool.Conn // nil before the first trip and after the end
	link *link
	err  error // the first failure; nothing is sent after it
	data slab
}

// failure returns the first failure of the session as callers see it.
func (s *session) failure() error {
	if s.err == nil {
		return nil
	}
	return fmt.Errorf("pgkv: %w", s.err)
}

// do makes one round trip. A connection that turns out to be dead at the
// first trip is replaced, since nothing was read on it yet.
func (s *session) do(steps ...step) error {
	switch {
	case s.err != nil:
	case s.conn != nil:
		s.err = s.trip(steps, false)
	default:
		s.err = s.first(append(s.begin[:len(s.begin):len(s.begin)], steps...))
	}
	return s.failure()
}

// first makes the first round trip.
func (s *session) first(steps []step) error {
	var tried wait
	hurried := s.hurried && s.ctx.Err() == nil
	for {
		err := s.acquire(hurried)
		if err == nil {
			if err = s.trip(steps, hurried); err == nil || !s.lost() {
				return err
			}
			s.drop()
		}
		if !s.patient || !unreachable(err) || !tried.pause(s.ctx, s.e.opt.Patience) {
			return err
		}
	}
}

// acquire takes a connection from the pool.
func (s *session) acquire(hurried bool) error {
	ctx, cancel := s.deadline(hurried)
	defer cancel()
	conn, err := s.e.pool.Acquire(ctx)
	if err != nil {
		if err = s.timedOut(ctx, err); s.ctx.Err() != nil || errors.Is(err, kv.ErrBusy) {
			return err
		}
		return fmt.Errorf("%w: %w", kv.ErrBusy, err)
	}
	s.conn, s.link = conn, linkOf(conn.Conn().PgConn())
	return nil
}

// deadline returns a context that ends after Options.Timeout, and with the
// caller's context where hurried says so.
func (s *session) deadline(hurried bool) (context.Context, context.CancelFunc) {
	base := s.ctx
	if !hurried {
		base = context.WithoutCancel(base)
	}
	return context.WithTimeout(base, s.e.opt.Timeout)
}

// trip makes one round trip on the connection.
func (s *session) trip(steps []step, hurried bool) error {
	ctx, cancel := s.deadline(hurried)
	defer cancel()
	for i := range steps {
		if steps[i].statement == addCounters {
			steps[i].params[0] = int2(s.link.shard)
		}
	}
	s.e.trips.Add(1)
	err := s.link.trip(ctx, steps)
	if err != nil {
		return s.timedOut(ctx, err)
	}
	return nil
}

// timedOut turns an error that ctx caused into the error of the caller's
// context, or into errTimeout.
func (s *session) timedOut(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil:
		return err
	case s.ctx.Err() != nil && errors.Is(ctx.Err(), s.ctx.Err()):
		return s.ctx.Err()
	}
	return errTimeout
}

// lost tells whether the connection is gone.
func (s *session) lost() bool { return s.link.pg.IsClosed() }

// leave ends the transaction with COMMIT or ROLLBACK, if it began, and gives
// the connection back. Nobody waits for the answer: nothing depends on it.
func (s *session) leave(end statement) {
	if s.conn == nil {
		return
	}
	if s.lost() || s.link.pg.TxStatus() == idle {
		s.drop()
		return
	}
	e, conn, l := s.e, s.conn, s.link
	ctx := context.WithoutCancel(s.ctx)
	s.conn, s.link = nil, nil
	e.under.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, e.opt.Timeout)
		defer cancel()
		if err := l.trip(ctx, []step{{statement: end}}); err != nil {
			e.opt.Logger.Debug("ending a transaction", "err", err)
		}
		conn.Release()
	})
}

// idle is the state of a connection outside a transaction.
const idle = 'I'

// drop gives the connection back, if it still is one.
func (s *session) drop() {
	s.conn.Release()
	s.conn, s.link = nil, nil
}

// load reads the rows of keys; see overlay.Base. Keys beyond the limits are
// absent.
func (s *session) load(keys []kv.Key, values [][]byte) error {
	clear(values)
	rows, counters := newBatch(keys), batch{}
	for i, k := range keys {
		if len(k.Row) > kv.DefaultLimits.MaxKey {
			continue
		}
		rows.add(i, k)
		if s.e.counters[k.Table] {
			if counters.places == nil {
				counters = newBatch(keys[i:])
			}
			counters.add(i, k)
		}
	}
	if len(rows.places) == 0 {
		return nil
	}
	steps := []step{s.read(getRows, &rows, values)}
	if len(counters.places) > 0 {
		steps = append(steps, s.read(getCounters, &counters, values))
	}
	return s.do(steps...)
}

// read returns the statement that reads a batch into values.
func (s *session) read(kind statement, b *batch, values [][]byte) step {
	places := b.places
	return step{statement: kind, params: [][]byte{b.keys.bytes()}, row: func(row [][]byte) error {
		i := parseInt(row[0]) - 1
		if i < 0 || i >= int64(len(places)) {
			return fmt.Errorf("answer for key %d of %d", i, len(places))
		}
		values[places[i]] = s.data.copy(row[1])
		return nil
	}}
}

// A batch is a list of keys for one statement, with their places in a longer
// list.
type batch struct {
	keys   array
	places []int
}

// newBatch returns an empty batch with room for keys.
func newBatch(keys []kv.Key) batch {
	room := 0
	for _, k := range keys {
		room += 5 + len(k.Row)
	}
	return batch{keys: newBytesArray(room), places: make([]int, 0, len(keys))}
}

func (b *batch) add(place int, k kv.Key) {
	b.keys.addKey(byte(k.Table), k.Row)
	b.places = append(b.places, place)
}

// A wait paces attempts: each pause is longer than the one before, up to a
// second.
type wait struct {
	next, spent time.Duration
}

// pause waits and tells whether there is patience left. It ends early with
// ctx, and then there is none.
func (w *wait) pause(ctx context.Context, patience time.Duration) bool {
	if w.spent >= patience {
		return false
	}
	w.next = min(max(2*w.next, 2*time.Millisecond), time.Second)
	w.spent += w.next
	timer := time.NewTimer(w.next)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// unreachable tells whether err says that the server is away, coming or
// going, so that a later attempt may succeed.
func unreachable(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		switch refused.Code {
		case "57P01", "57P02", "57P03", "57P05", "53300", "25P03", "25006":
			return true // shutdown, crash, starting, idle, too many connections, idle in transaction, standby
		}
		return len(refused.Code) == 5 && refused.Code[:2] == "08"
	}
	return err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, errTimeout)
}
