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

// userCache remembers login records, which every request needs, and what
// application passwords stand for, which takes several rows to say. A change by
// this process drops what it concerns before it is answered; what an
// application password stands for is dropped with every change of a password,
// an application, what an account allows it, an account, or a container that is
// removed.
type userCache struct {
	mu          sync.Mutex
	users       *lru.Cache[string, cachedUser] // by folded name
	credentials *lru.Cache[[32]byte, cachedCredential]
	changes     uint64
}

type cachedCredential struct {
	record auth.CredentialRecord
	read   time.Time
}

type cachedUser struct {
	user auth.User
	read time.Time
}

func newUserCache() (*userCache, error) {
	users, err := lru.New[string, cachedUser](maxCachedUsers)
	if err != nil {
		return nil, err
	}
	credentials, err := lru.New[[32]byte, cachedCredential](maxCachedUsers)
	return &userCache{users: users, credentials: credentials}, err
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
	c.credentials.Purge()
}

// purgeCredentials forgets what application passwords stand for.
func (c *userCache) purgeCredentials() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.credentials.Purge()
}

// credential returns a remembered application password; else the number to
// pass to putCredential with what is read now.
func (c *userCache) credential(digest [32]byte, now time.Time) (rec auth.CredentialRecord, ok bool, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.credentials.Get(digest); ok && now.Sub(e.read) < userCacheLife {
		return e.record, true, c.changes
	}
	return auth.CredentialRecord{}, false, c.changes
}

// putCredential remembers what was read, unless something changed meanwhile.
func (c *userCache) putCredential(digest [32]byte, rec auth.CredentialRecord, now time.Time, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == changes {
		c.credentials.Add(digest, cachedCredential{rec, now})
	}
}
