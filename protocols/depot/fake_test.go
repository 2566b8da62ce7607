package depot_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// fake is a gateway's depots in the state that the vectors assume, with its
// ids and times. It follows the contracts of gateway.Depots; the same requests
// against the real one are in gateway_test.go.
type fake struct {
	now    func() time.Time
	depots []gateway.Depot
	spaces []gateway.Space
	seen   map[[32]byte]time.Time
	calls  []gateway.DepotCall
	fail   error // what every call answers
	panics bool
}

// newFake returns the state of the vectors.
func newFake(now func() time.Time) *fake {
	made := time.Date(2014, 7, 25, 15, 6, 41, 0, time.UTC)
	return &fake{
		now: now, seen: map[[32]byte]time.Time{},
		depots: []gateway.Depot{{
			ID: 17, Owner: "YourUserName", Account: "YourUserName", Active: true, Created: made, Contract: "C-1001",
			StorageLimit: 5368709120, StorageUsed: 1048576, TrafficLimit: 53687091200, TrafficUsed: 2097152,
			Users: []string{"alice", "bob"},
		}},
		spaces: []gateway.Space{
			{ID: 41, Depot: 17, Name: "one", Owner: "YourUserName", Active: true, Created: made, StorageUsed: 786432, TrafficUsed: 1572864},
			{ID: 42, Depot: 17, Name: "two", Owner: "YourUserName", Active: true, Created: made, StorageUsed: 262144, TrafficUsed: 524288},
		},
	}
}

// enter does what every call does first.
func (f *fake) enter(ctx context.Context) error {
	if f.panics {
		panic("broken gateway")
	}
	if p := auth.PrincipalOf(ctx); !p.Operator || !p.Address.IsValid() {
		return errs.New("fake", errs.Forbidden, "", "")
	}
	return f.fail
}

// once notes a change, and refuses it when it came before.
func (f *fake) once(ctx context.Context, call gateway.DepotCall) error {
	if err := f.enter(ctx); err != nil {
		return err
	}
	if call.Replay != nil && f.seen[call.Replay.Digest].After(f.now()) {
		return errs.New("fake", errs.Conflict, errs.Replayed, "")
	}
	return nil
}

// did remembers a change that succeeded.
func (f *fake) did(call gateway.DepotCall) {
	f.calls = append(f.calls, call)
	if call.Replay != nil {
		f.seen[call.Replay.Digest] = call.Replay.Until
	}
}

func (f *fake) Owned(ctx context.Context, user string, id uint64, shared bool) ([]gateway.Depot, error) {
	if err := f.enter(ctx); err != nil {
		return nil, err
	}
	var all, out []gateway.Depot
	for _, d := range f.depots {
		if strings.EqualFold(d.Owner, user) || shared && slices.Contains(d.Users, user) {
			all = append(all, d)
			if id == 0 || d.ID == id {
				out = append(out, d)
			}
		}
	}
	if len(all) == 0 {
		return nil, errs.New("fake", errs.NotFound, errs.NoDepotForUser, "")
	}
	if len(out) == 0 {
		return nil, errs.New("fake", errs.NotFound, errs.NoDepot, "")
	}
	return out, nil
}

func (f *fake) Spaces(ctx context.Context, user string, id uint64) ([]gateway.Space, error) {
	depots, err := f.Owned(ctx, user, id, false)
	if err != nil {
		return nil, err
	}
	var out []gateway.Space
	for _, s := range f.spaces {
		if slices.ContainsFunc(depots, func(d gateway.Depot) bool { return d.ID == s.Depot }) {
			out = append(out, s)
		}
	}
	return out, nil
}

func (f *fake) Create(ctx context.Context, opt gateway.DepotOptions, call gateway.DepotCall) (gateway.Depot, error) {
	if err := f.once(ctx, call); err != nil {
		return gateway.Depot{}, err
	}
	last := uint64(0)
	for _, d := range f.depots {
		last = max(last, d.ID)
	}
	switch {
	case opt.ID > math.MaxInt64 || opt.ID != 0 && opt.ID <= last:
		return gateway.Depot{}, errs.New("fake", errs.Conflict, errs.BadDepotID, "")
	case opt.StorageLimit <= 0 || opt.TrafficLimit < 0:
		return gateway.Depot{}, errs.New("fake", errs.Invalid, errs.BadLimit, "")
	case opt.ID == 0:
		opt.ID = last + 1
	}
	if opt.TrafficLimit == 0 {
		opt.TrafficLimit = 10 * opt.StorageLimit
	}
	d := gateway.Depot{
		ID: opt.ID, Owner: opt.User, Account: opt.User, Active: true, Created: f.now(), Contract: opt.Contract,
		StorageLimit: opt.StorageLimit, TrafficLimit: opt.TrafficLimit, Users: opt.Users,
	}
	f.depots = append(f.depots, d)
	f.did(call)
	return d, nil
}

// one finds a depot that a change is about.
func (f *fake) one(ctx context.Context, user string, id uint64, call gateway.DepotCall) (*gateway.Depot, error) {
	if err := f.once(ctx, call); err != nil {
		return nil, err
	}
	if _, err := f.Owned(ctx, user, id, false); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(f.depots, func(d gateway.Depot) bool { return d.ID == id })
	return &f.depots[i], nil
}

func (f *fake) SetLimits(ctx context.Context, user string, id uint64, limits gateway.DepotLimits, call gateway.DepotCall) error {
	d, err := f.one(ctx, user, id, call)
	if err != nil {
		return err
	}
	if limits.Storage <= 0 || limits.Traffic < 0 {
		return errs.New("fake", errs.Invalid, errs.BadLimit, "")
	}
	if limits.Traffic == 0 {
		limits.Traffic = 10 * limits.Storage
	}
	d.StorageLimit, d.TrafficLimit = limits.Storage, limits.Traffic
	f.did(call)
	return nil
}

func (f *fake) Delete(ctx context.Context, user string, id uint64, call gateway.DepotCall) error {
	if _, err := f.one(ctx, user, id, call); err != nil {
		return err
	}
	f.depots = slices.DeleteFunc(f.depots, func(d gateway.Depot) bool { return d.ID == id })
	f.did(call)
	return nil
}
