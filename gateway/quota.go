package gateway

import (
	"errors"
	"math"
	"strconv"

	"entrepot/gateway/errs"
	"entrepot/store"
)

// errStronger is returned by a transaction's function that found that it
// needs exclusive locks: the caller runs it again holding them.
var errStronger = errors.New("gateway: needs stronger locks")

// Properties that limit a container, as Swift names them.
const (
	propQuotaBytes = "quota-bytes"
	propQuotaCount = "quota-count"
)

// slack is the room below which a quota is checked under an exclusive lock, and
// the growth above which it is: copies by reference are made at any size in no
// time, so that many of them could find the same room.
const slack = 64 << 20

// usage holds the counters that limits are compared with.
type usage struct {
	depotBytes, accountBytes         int64
	containerBytes, containerObjects int64
}

// add asks for the counters that the limits of a container may need. The
// container is not known yet when everything is read in one round trip, so
// they are read whether there are limits or not: a counter is 8 bytes.
func (u *usage) add(b *store.Batch, account string, id, depot uint64) {
	b.Count(store.CountDepotBytes, depot, &u.depotBytes)
	b.CountOf(store.CountAccountBytes, account, &u.accountBytes)
	b.Count(store.CountContainerBytes, id, &u.containerBytes)
	b.Count(store.CountContainerObjects, id, &u.containerObjects)
}

// readUsage reads the counters when a limit needs them.
func readUsage(v *store.View, s *scope) (u usage, err error) {
	if !s.limited() {
		return u, nil
	}
	b := v.Batch()
	u.add(b, s.container.Account, s.container.ID, s.container.Depot)
	return u, b.Do()
}

func (s *scope) limited() bool {
	return s.depot.StorageLimit != 0 || s.account.Quota != 0 ||
		s.container.Properties[propQuotaBytes] != "" || s.container.Properties[propQuotaCount] != ""
}

// growth is by how many bytes a change makes the container larger, and account
// and depot: they differ where another container keeps the versions.
type growth struct{ container, account int64 }

// fits checks that container, account and depot may grow. Shrinking is
// always allowed. Without exclusive locks it returns errStronger when the
// room of depot or account is small.
func (s *scope) fits(u usage, g growth, objects int64, exclusive bool) error {
	if limit, ok := propLimit(s.container.Properties[propQuotaBytes]); ok && g.container > 0 && u.containerBytes+g.container > limit {
		return overQuota("container")
	}
	if limit, ok := propLimit(s.container.Properties[propQuotaCount]); ok && objects > 0 && u.containerObjects+objects > limit {
		return overQuota("container")
	}
	if err := room(s.depot.StorageLimit, u.depotBytes, g.account, exclusive, "depot"); err != nil {
		return err
	}
	return room(s.account.Quota, u.accountBytes, g.account, exclusive, "account")
}

// grew judges what a transaction has done to the container since its usage was
// read: by the counters, because replaced rows may live on in the history.
func (s *scope) grew(tx *store.Tx, before usage, exclusive bool) error {
	after, err := readUsage(&tx.View, s)
	if err != nil {
		return err
	}
	bytes := after.containerBytes - before.containerBytes
	kept := after.depotBytes - before.depotBytes - bytes
	before.depotBytes += kept
	before.accountBytes += kept
	return s.fits(before, growth{bytes, bytes}, after.containerObjects-before.containerObjects, exclusive)
}

func room(limit, used, bytes int64, exclusive bool, of string) error {
	switch {
	case limit == 0 || bytes <= 0:
		return nil
	case bytes > limit-used:
		return overQuota(of)
	case !exclusive && (bytes > slack || limit-used-bytes < slack):
		return errStronger
	}
	return nil
}

func overQuota(of string) error {
	return errs.New("quota", errs.OverQuota, "", "The limit of the "+of+" would be exceeded.")
}

// propLimit reads a container's own limit.
func propLimit(text string) (int64, bool) {
	if text == "" {
		return 0, false // as for most containers, at no cost
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0
}

// quotaGuards returns the locks that every writer in a container holds beside
// its own: those of the depot, and of the account when that has a limit.
// Shared while there is room.
func (s *scope) quotaGuards(strong bool) []store.Guard {
	guards := []store.Guard{store.LockDepot(s.container.Depot, !strong)}
	if s.account.Quota != 0 {
		guards = append(guards, store.LockAccount(s.container.Account, !strong))
	}
	return guards
}

// available is the room that a drive shows for the container.
func (s *scope) available(u usage, free int64) int64 {
	least := free
	if limit, ok := propLimit(s.container.Properties[propQuotaBytes]); ok {
		least = min(least, limit-u.containerBytes)
	}
	if s.depot.StorageLimit != 0 {
		least = min(least, s.depot.StorageLimit-u.depotBytes)
	}
	if s.account.Quota != 0 {
		least = min(least, s.account.Quota-u.accountBytes)
	}
	return max(0, min(least, math.MaxInt64))
}
