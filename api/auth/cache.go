package auth

import (
	"crypto/sha256"
	"sync"
	"time"
)

// cache remembers checked tokens by their hash. It is emptied as a whole when
// it has grown: live tokens come back with one read.
type cache struct {
	mu      sync.RWMutex
	entries map[[sha256.Size]byte]cached
	forgot  uint64 // how often something was
}

type cached struct {
	who   Identity
	read  time.Time // when the store was asked for it
	until time.Time
}

const maxCached = 10_000

func (c *cache) get(hash [sha256.Size]byte) (Identity, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.entries[hash]
	return e.who, ok && time.Now().Before(e.until)
}

// fresh is get for what was read less than age ago.
func (c *cache) fresh(hash [sha256.Size]byte, age time.Duration) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.entries[hash]
	return ok && time.Now().Before(e.until) && time.Since(e.read) < age
}

// asked is when the store was asked, and what put has to know of then.
type asked struct {
	at     time.Time
	forgot uint64
}

// before is to be taken before the store is read.
func (c *cache) before() asked {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return asked{time.Now(), c.forgot}
}

// put remembers what was read, for left since the store was asked: a slow one may have
// looked at once, and answered late. Where something was forgotten meanwhile, that may have
// been this, read just before it was revoked: it is not remembered.
func (c *cache) put(before asked, hash [sha256.Size]byte, who Identity, left time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if before.forgot != c.forgot {
		return
	}
	if c.entries == nil || len(c.entries) >= maxCached {
		c.entries = make(map[[sha256.Size]byte]cached)
	}
	c.entries[hash] = cached{who, before.at, before.at.Add(left)}
}

// forget drops what is remembered of a token or of a user.
func (c *cache) forget(match func(Identity) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgot++
	for hash, e := range c.entries {
		if match(e.who) {
			delete(c.entries, hash)
		}
	}
}
