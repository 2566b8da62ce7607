package gateway

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// PrimaryStore is the number of the store that an account itself is.
const PrimaryStore = 1

// MaxStore is the highest number of a store.
const MaxStore = 15

// A StoreInfo describes one of the stores that every account has. The primary
// one is the account itself; store n of account a is the account "a.n", whose
// content lies in a content engine of its own.
type StoreInfo struct {
	ID int // PrimaryStore, or 2 to MaxStore
	// Type is the kind of storage that clients are told; "": AMAZON_S3.
	Type string
	// ReadOnly refuses all changes but those of administrators.
	ReadOnly bool
}

// defaultStoreType is what every client ever made knows.
const defaultStoreType = "AMAZON_S3"

// splitStore takes the number of a further store off an account's name; 0 for
// the account itself.
func splitStore(account string) (home string, id int) {
	i := strings.LastIndexByte(account, '.')
	if i <= 0 {
		return account, 0
	}
	n, err := strconv.ParseUint(account[i+1:], 10, 8)
	if err != nil || n <= PrimaryStore || account[i+1] == '0' {
		return account, 0
	}
	return account[:i], int(n)
}

// homeAccount is the account that a further store belongs to; the account
// itself for others.
func homeAccount(account string) string {
	home, _ := splitStore(account)
	return home
}

// storeAccount is the account that is store id of an account.
func storeAccount(account string, id int) string {
	if id == PrimaryStore {
		return account
	}
	return account + "." + strconv.Itoa(id)
}

// Store finds a store of an account by its number as clients write it, "" for
// the primary one, and returns the account that it is. NotFound with NoStore
// when there is none.
func (s *Spaces) Store(account, id string) (string, StoreInfo, error) {
	for _, info := range s.cfg.Stores {
		if number := strconv.Itoa(info.ID); id == number || id == "" && info.ID == PrimaryStore {
			return storeAccount(account, info.ID), info, nil
		}
	}
	return "", StoreInfo{}, errs.New("spaces", errs.NotFound, errs.NoStore, "No store exists with ID "+id)
}

// Stores lists the stores of an account, the primary one first, for its users
// and for those of others who may list one of its spaces.
func (s *Spaces) Stores(ctx context.Context, account string) ([]StoreInfo, error) {
	p := auth.PrincipalOf(ctx)
	if p.User == "" {
		return nil, refuse(p)
	}
	if err := s.mayUse(ctx, p, account); err != nil {
		return nil, err
	}
	if !member(p, account) {
		if _, err := s.List(ctx, account); err != nil {
			return nil, err
		}
	}
	return s.cfg.Stores, nil
}

// mayUse refuses callers for whom an account is out of use: it is suspended, or
// deleted. One that there never was is judged by what is asked of it.
func (s *Spaces) mayUse(ctx context.Context, p auth.Principal, account string) error {
	return s.store.View(ctx, func(v *store.View) error {
		of, found, err := v.Account(account)
		if err != nil || !found {
			return err
		}
		return usable(p, &of)
	})
}

// volumeOf is the volume of content that what is put into an account goes to.
func volumeOf(account string) uint8 {
	_, n := splitStore(account)
	if n > MaxStore {
		return 0
	}
	return uint8(n)
}

// errAcross refuses what moves content by reference between stores, whose
// content lies apart.
var errAcross = errs.New("gateway", errs.Forbidden, errs.AcrossStores, "Between stores only single files can be copied, not folders or moves.")

// storeOf is the store that an account is; the primary one for accounts of
// their own, nil for a store that is not configured.
func (c *core) storeOf(account string) *StoreInfo {
	_, n := splitStore(account)
	for i := range c.cfg.Stores {
		if id := c.cfg.Stores[i].ID; id == n || n == 0 && id == PrimaryStore {
			return &c.cfg.Stores[i]
		}
	}
	return nil
}

// readOnly tells whether an account is a store that takes no changes from the
// caller.
func (c *core) readOnly(p auth.Principal, account string) bool {
	info := c.storeOf(account)
	return info != nil && info.ReadOnly && (p.Role != auth.RoleAdmin || p.User == "")
}

// ensureStore makes the record of a further store's account when a first
// container is to be made in it.
func (c *core) ensureStore(ctx context.Context, account string) error {
	home, n := splitStore(account)
	if n == 0 {
		return nil
	}
	if c.storeOf(account) == nil {
		return errs.New("spaces", errs.NotFound, errs.NoStore, "No store exists with ID "+strconv.Itoa(n))
	}
	now := c.now()
	return c.store.Update(ctx, []store.Guard{store.LockAccount(account, false)}, func(tx *store.Tx) error {
		_, found, err := tx.Account(account)
		if err != nil || found {
			return err
		}
		of, found, err := tx.Account(home)
		if err == nil && found && of.State == store.AccountDeleted {
			err = errReserved
		}
		if err == nil && found {
			var made store.Account
			made, err = tx.NewAccount(account, now)
			made.State = of.State
			tx.PutAccount(&made)
		}
		return err
	})
}

// lockStores returns the locks of the records of an account's further stores.
func lockStores(account string) []store.Guard {
	var guards []store.Guard
	for id := PrimaryStore + 1; id <= MaxStore; id++ {
		guards = append(guards, store.LockAccount(storeAccount(account, id), false))
	}
	return guards
}

// eachStore calls fn with the records of an account's further stores.
func eachStore(tx *store.Tx, account string, fn func(*store.Account)) error {
	if _, n := splitStore(account); n != 0 {
		return nil
	}
	for id := PrimaryStore + 1; id <= MaxStore; id++ {
		record, found, err := tx.Account(storeAccount(account, id))
		if err != nil {
			return err
		}
		if found && record.State != store.AccountDeleted {
			fn(&record)
		}
	}
	return nil
}

// withPrimary sorts stores by number and fills in what was not set; the
// primary one is always among them.
func withPrimary(list []StoreInfo) []StoreInfo {
	out := slices.Clone(list)
	if !slices.ContainsFunc(out, func(s StoreInfo) bool { return s.ID == PrimaryStore }) {
		out = append(out, StoreInfo{ID: PrimaryStore})
	}
	slices.SortFunc(out, func(a, b StoreInfo) int { return a.ID - b.ID })
	for i := range out {
		if out[i].Type == "" {
			out[i].Type = defaultStoreType
		}
	}
	return out
}
