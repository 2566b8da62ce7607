package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// A proof stands for one user and one password: an HMAC under a secret that
// lives as long as the process, so that a memory dump holds no fast hash of a
// password that could be tried offline without that secret.
type proof [sha256.Size]byte

// verdict is what the slow hash said about a proof.
type verdict struct {
	user    string
	right   bool
	version uint64
	hash    string // the hash text it was checked against
	until   time.Time
}

// verdicts remembers what was found out about passwords for a few minutes.
// A verdict counts only while the user's record is the one it was found with.
type verdicts struct {
	secret []byte
	life   time.Duration

	mu  sync.Mutex
	lru *simplelru.LRU[proof, verdict]
	gen uint64 // raised by forget, so that a check under way is not remembered

	macs sync.Pool // of hash.Hash, keyed with secret
}

func newVerdicts(secret []byte, life time.Duration, size int) (*verdicts, error) {
	lru, err := simplelru.NewLRU[proof, verdict](size, nil)
	if err != nil {
		return nil, err
	}
	return &verdicts{secret: secret, life: life, lru: lru}, nil
}

func (v *verdicts) proof(user, password string) proof {
	mac, ok := v.macs.Get().(hash.Hash)
	if !ok {
		mac = hmac.New(sha256.New, v.secret)
	}
	var room [256]byte
	text := binary.BigEndian.AppendUint64(room[:0], uint64(len(user)))
	text = append(append(text, user...), password...)
	mac.Write(text)
	var p proof
	mac.Sum(p[:0])
	// What the hash has buffered of the password does not outlive the call.
	clear(text)
	mac.Reset()
	mac.Write(room[:sha256.BlockSize-1])
	mac.Reset()
	v.macs.Put(mac)
	return p
}

// lookup returns what is known about p for the user's present record.
func (v *verdicts) lookup(p proof, u User, now time.Time) (right, known bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	got, ok := v.lru.Get(p)
	if !ok || got.version != u.PasswordVersion || got.hash != u.PasswordHash {
		return false, false
	}
	if left := got.until.Sub(now); left <= 0 || left > v.life { // over, or the clock was set back
		return false, false
	}
	return got.right, true
}

// generation is to be read before the slow hash and handed to remember.
func (v *verdicts) generation() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.gen
}

func (v *verdicts) remember(p proof, u User, right bool, gen uint64, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if gen != v.gen {
		return
	}
	v.lru.Add(p, verdict{
		user: u.Name, right: right, version: u.PasswordVersion, hash: u.PasswordHash, until: now.Add(v.life),
	})
}

// forget drops all that is known about a user's passwords.
func (v *verdicts) forget(user string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.gen++
	user = fold(user)
	for _, p := range v.lru.Keys() {
		if got, ok := v.lru.Peek(p); ok && fold(got.user) == user {
			v.lru.Remove(p)
		}
	}
}
