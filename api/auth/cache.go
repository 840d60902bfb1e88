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
}

type cached struct {
	who   Identity
	until time.Time
}

const maxCached = 10_000

func (c *cache) get(hash [sha256.Size]byte) (Identity, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.entries[hash]
	return e.who, ok && time.Now().Before(e.until)
}

func (c *cache) put(hash [sha256.Size]byte, who Identity, left time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= maxCached {
		c.entries = make(map[[sha256.Size]byte]cached)
	}
	c.entries[hash] = cached{who, time.Now().Add(left)}
}

// forget drops what is remembered of a token or of a user.
func (c *cache) forget(match func(Identity) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for hash, e := range c.entries {
		if match(e.who) {
			delete(c.entries, hash)
		}
	}
}
