package gateway

import (
	"context"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"entrepot/gateway/errs"
	"entrepot/store"
)

const (
	usesFlush    = 5 * time.Second
	usesEvery    = 60 * 100_000 // a minute, in stamps
	maxKnownUses = 10_000
)

// used names a row that says when it was last used: a grant, or an application
// password.
type used struct {
	account, application string
	digest               [32]byte
}

// uses remembers which grants and application passwords were used, and writes
// that down now and then, each at most once a minute.
type uses struct {
	*background
	core *core

	mu      sync.Mutex
	pending map[used]store.Stamp
	noted   *lru.Cache[used, store.Stamp] // when each was last noted
}

func startUses(ctx context.Context, c *core) *uses {
	noted, err := lru.New[used, store.Stamp](maxKnownUses)
	if err != nil {
		panic("gateway: " + err.Error()) // the size is a constant above zero
	}
	u := &uses{core: c, pending: make(map[used]store.Stamp), noted: noted}
	u.background = startBackground(ctx, usesFlush, u.flush)
	return u
}

// grant notes that an account's grant was used, which was last written down at
// the given time.
func (u *uses) grant(account, application string, last, now store.Stamp) {
	if now-last >= usesEvery {
		u.note(used{account: account, application: application}, now)
	}
}

// credential notes that an application password was used.
func (u *uses) credential(digest [32]byte, now store.Stamp) { u.note(used{digest: digest}, now) }

func (u *uses) note(of used, now store.Stamp) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if last, ok := u.noted.Get(of); ok && now-last < usesEvery {
		return
	}
	u.noted.Add(of, now)
	u.pending[of] = now
}

// flush writes down what is pending. What cannot be written is left: it says
// only when something was last used.
func (u *uses) flush(ctx context.Context) {
	u.mu.Lock()
	batch := u.pending
	u.pending = make(map[used]store.Stamp)
	u.mu.Unlock()
	for of, at := range batch {
		write := u.core.usedGrant
		if of.application == "" {
			write = u.core.usedCredential
		}
		if err := write(ctx, of, at); err != nil && errs.Of(err) != errs.NotFound {
			u.core.cfg.Logger.Warn("writing down the use of an application", "err", err)
		}
	}
}

func (c *core) usedGrant(ctx context.Context, of used, at store.Stamp) error {
	return c.changeGrant(ctx, of.account, of.application, func(_ *store.Tx, g *store.Grant, _ *store.Application, known bool) error {
		if !known {
			return errNoApplication
		}
		g.LastUsed = max(g.LastUsed, at)
		return nil
	})
}

// usedCredential notes the use of an application password, and of the grant
// that it rests on.
func (c *core) usedCredential(ctx context.Context, of used, at store.Stamp) error {
	var found store.Credential
	var u store.User
	err := c.store.View(ctx, func(v *store.View) (err error) {
		var ok bool
		if found, ok, err = v.Credential(of.digest); err == nil && !ok {
			return errNoApplication
		}
		if err == nil {
			u, _, err = v.User(found.User)
		}
		return err
	})
	if err != nil {
		return err
	}
	guards := []store.Guard{
		store.LockUserShared(found.User), store.LockApplication(found.Application, true), store.LockCredential(of.digest),
	}
	err = c.store.Update(ctx, guards, func(tx *store.Tx) error {
		now, ok, err := tx.Credential(of.digest)
		if err != nil || !ok {
			return err
		}
		now.LastUsed = max(now.LastUsed, at)
		tx.TouchCredential(&now)
		return nil
	})
	if err != nil {
		return err
	}
	return c.usedGrant(ctx, used{account: u.Account, application: found.Application}, at)
}
