package gateway

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"entrepot/auth"
)

const (
	maxCachedUsers = 4096
	// userCacheLife bounds how long a user that another process changed is
	// still seen as it was. Changes by this process are seen at once.
	userCacheLife = time.Second
)

// userCache remembers login records, which every request needs. A change drops
// its user before the change is answered.
type userCache struct {
	mu      sync.Mutex
	users   *lru.Cache[string, cachedUser] // by folded name
	changes uint64
}

type cachedUser struct {
	user auth.User
	read time.Time
}

func newUserCache() (*userCache, error) {
	users, err := lru.New[string, cachedUser](maxCachedUsers)
	return &userCache{users: users}, err
}

// get returns a remembered user; else the number to pass to put with what is
// read now.
func (c *userCache) get(folded string, now time.Time) (u auth.User, ok bool, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.users.Get(folded); ok && now.Sub(e.read) < userCacheLife {
		return e.user, true, c.changes
	}
	return auth.User{}, false, c.changes
}

// put remembers a user that was read, unless some user changed meanwhile.
func (c *userCache) put(folded string, u auth.User, now time.Time, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == changes {
		c.users.Add(folded, cachedUser{u, now})
	}
}

// drop forgets a user that was changed.
func (c *userCache) drop(folded string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.users.Remove(folded)
}

// purge forgets everybody, after a change of an account.
func (c *userCache) purge() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.users.Purge()
}
