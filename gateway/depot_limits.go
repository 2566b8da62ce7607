package gateway

import (
	"context"
	"math"

	"entrepot/gateway/errs"
	"entrepot/store"
)

// settle judges limits and fills in the default of traffic.
func (l *DepotLimits) settle() error {
	if l.Storage <= 0 || l.Traffic < 0 {
		return errs.New("depots", errs.Invalid, errs.BadLimit, "")
	}
	if l.Traffic == 0 {
		l.Traffic = math.MaxInt64
		if l.Storage <= math.MaxInt64/trafficFactor {
			l.Traffic = l.Storage * trafficFactor
		}
	}
	return nil
}

// SetLimits gives a depot new limits; they may lie below what is stored. The
// limits are judged after user and depot were found: Invalid with BadLimit.
func (d *Depots) SetLimits(ctx context.Context, user string, id uint64, limits DepotLimits, call DepotCall) error {
	return d.limit(ctx, user, id, limits.Traffic, call, func(int64) int64 { return limits.Storage })
}

// Increase adds bytes to a depot's storage limit; traffic is its new traffic
// limit, 0 for ten times the storage limit after the change. The limits are
// judged after user and depot were found: Invalid with BadLimit for what is no
// positive number, or more than 2^63-1 in sum. A depot without a limit is
// given none: there is nothing above it.
func (d *Depots) Increase(ctx context.Context, user string, id uint64, bytes, traffic int64, call DepotCall) error {
	return d.limit(ctx, user, id, traffic, call, func(old int64) int64 {
		if bytes <= 0 || old == 0 || old > math.MaxInt64-bytes {
			return -1
		}
		return old + bytes
	})
}

// Decrease takes bytes from a depot's storage limit, of which at least one
// byte must be left; else it is like Increase. The limit may end up below what
// is stored. A depot without a limit counts as one of 2^63-1 bytes.
func (d *Depots) Decrease(ctx context.Context, user string, id uint64, bytes, traffic int64, call DepotCall) error {
	return d.limit(ctx, user, id, traffic, call, func(old int64) int64 {
		if old == 0 {
			old = math.MaxInt64
		}
		if bytes <= 0 {
			return -1
		}
		return old - bytes
	})
}

// limit gives a depot the storage limit that next makes of the one it has.
func (d *Depots) limit(ctx context.Context, user string, id uint64, traffic int64, call DepotCall, next func(old int64) int64) error {
	if err := checkCall(&call); err != nil {
		return err
	}
	return d.change(ctx, user, id, call, nil, func(tx *store.Tx, record *store.Depot, now store.Stamp) error {
		limits := DepotLimits{next(record.StorageLimit), traffic}
		if err := limits.settle(); err != nil {
			return err
		}
		old := *record
		record.StorageLimit, record.TrafficLimit = limits.Storage, limits.Traffic
		tx.AddDepotEntry(record, entry(ctx, call, now, &old, record))
		return nil
	})
}
