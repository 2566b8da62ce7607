package gateway

import (
	"sync"

	"entrepot/gateway/errs"
	"entrepot/store"
)

// reservations are the bytes of uploads on their way, by depot and by account:
// room that nobody else may take. They live as long as the upload.
type reservations struct {
	mu       sync.Mutex
	depots   map[uint64]int64
	accounts map[string]int64
}

func newReservations() *reservations {
	return &reservations{depots: make(map[uint64]int64), accounts: make(map[string]int64)}
}

// held returns what is reserved in the depot and the account of a container.
func (r *reservations) held(c *store.Container) (depot, account int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.depots[c.Depot], r.accounts[c.Account]
}

// take reserves bytes (none for a negative number) if judge agrees to what is
// reserved already, and returns the function that gives them back.
func (r *reservations) take(c *store.Container, bytes int64, judge func(depot, account int64) error) (release func(), err error) {
	bytes = max(bytes, 0)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := judge(r.depots[c.Depot], r.accounts[c.Account]); err != nil {
		return nil, err
	}
	depot, account := c.Depot, c.Account
	r.add(depot, account, bytes)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.add(depot, account, -bytes)
	}, nil
}

func (r *reservations) add(depot uint64, account string, bytes int64) {
	if r.depots[depot] += bytes; r.depots[depot] == 0 {
		delete(r.depots, depot)
	}
	if r.accounts[account] += bytes; r.accounts[account] == 0 {
		delete(r.accounts, account)
	}
}

// roomOnDisk refuses writes that grow the store while the volume is below its
// floor of free space: the database needs the rest to commit deletions.
func (c *core) roomOnDisk() error {
	free, err := c.store.Free()
	if err != nil {
		return errs.Wrap("gateway", errs.Other, "", err)
	}
	if free <= 0 {
		return errs.New("gateway", errs.OverQuota, errs.DiskFull, "The volume is full.")
	}
	return nil
}
