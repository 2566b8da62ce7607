package gateway

import (
	"context"
	"io"
	"sync"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// trafficMonth numbers a calendar month, UTC.
func trafficMonth(t time.Time) uint32 {
	t = t.UTC()
	return uint32(t.Year()*12 + int(t.Month()) - 1)
}

type trafficOf struct {
	container, depot uint64
	month            uint32
}

// traffic adds up transferred bytes and writes them down now and then: counting
// each transfer durably would cost a commit for every GET.
type traffic struct {
	*background
	core *core

	mu      sync.Mutex
	pending map[trafficOf]int64
}

func startTraffic(ctx context.Context, c *core) *traffic {
	t := &traffic{core: c, pending: make(map[trafficOf]int64)}
	t.background = startBackground(ctx, c.cfg.TrafficFlush, t.flush)
	return t
}

// count notes bytes transferred for a container.
func (t *traffic) count(c *store.Container, bytes int64) {
	if bytes <= 0 {
		return
	}
	of := trafficOf{c.ID, c.Depot, trafficMonth(t.core.now().Time())}
	t.mu.Lock()
	t.pending[of] += bytes
	t.mu.Unlock()
}

// unwritten returns the bytes of a depot that are not written down yet.
func (t *traffic) unwritten(depot uint64, month uint32) (n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for of, bytes := range t.pending {
		if of.depot == depot && of.month == month {
			n += bytes
		}
	}
	return n
}

// flush writes down what is pending; what cannot be written stays pending.
func (t *traffic) flush(ctx context.Context) {
	t.mu.Lock()
	batch := t.pending
	t.pending = make(map[trafficOf]int64)
	t.mu.Unlock()
	if len(batch) == 0 {
		return
	}
	err := t.core.store.Update(ctx, nil, func(tx *store.Tx) error {
		for of, n := range batch {
			tx.AddTraffic(of.container, of.depot, of.month, n)
		}
		return nil
	})
	if err == nil {
		return
	}
	t.core.cfg.Logger.Warn("writing down traffic", "err", err)
	t.mu.Lock()
	for of, n := range batch {
		t.pending[of] += n
	}
	t.mu.Unlock()
}

// trafficLeft refuses transfers of a depot whose traffic of the month is used
// up, where that is enforced.
func (c *core) trafficLeft(v *store.View, s *scope, now store.Stamp) error {
	if !c.cfg.EnforceTraffic || s.depot.TrafficLimit == 0 {
		return nil
	}
	var used int64
	month := trafficMonth(now.Time())
	b := v.Batch()
	b.Traffic(store.CountDepotTraffic, s.depot.ID, month, &used)
	if err := b.Do(); err != nil {
		return err
	}
	if used+c.traffic.unwritten(s.depot.ID, month) >= s.depot.TrafficLimit {
		return errs.New("gateway", errs.Forbidden, errs.TrafficUsed, "The traffic limit of the depot is used up for this month.")
	}
	return nil
}

// transferable refuses to send what a place shows when the traffic of its depot
// is used up, or of the one in which its dynamic parts lie. Those of a static
// large object are judged where their list is read.
func (c *core) transferable(v *store.View, p auth.Principal, at *place, now store.Stamp) error {
	if err := c.trafficLeft(v, &at.scope, now); err != nil || at.dyn == nil || !c.cfg.EnforceTraffic {
		return err
	}
	parts, err := c.load(v, p.Referred(), Ref{Account: at.dyn.ref.Account, Container: at.dyn.ref.Container}, nil)
	if err != nil {
		return err
	}
	return c.trafficLeft(v, &parts, now)
}

// counted counts what is read from an object's content as traffic.
type counted struct {
	store.ContentReader
	traffic   *traffic
	container store.Container
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ContentReader.ReadAt(p, off)
	c.traffic.count(&c.container, int64(n))
	return n, err
}

func (c *counted) WriteRange(w io.Writer, off, n int64) (int64, error) {
	m, err := c.ContentReader.WriteRange(w, off, n)
	c.traffic.count(&c.container, m)
	return m, err
}
