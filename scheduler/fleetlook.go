package scheduler

import (
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// fleetFresh is how long a look at the fleet is good enough to say yes. To refuse a job,
// one is taken that began after it was submitted.
const fleetFresh = 10 * time.Second

// fleet is for submits, which must not read every inventory: the last look at all hosts,
// and which needs some of them can meet. It decides nothing but a refusal, and that on
// fresh data.
type fleet struct {
	looks singleflight.Group

	mu      sync.Mutex
	last    *look           // nil: none
	can     map[string]bool // needs that it can meet
	seen    picture         // as the fleet was last looked at
	changed time.Time       // looks that began before this are not kept
}

// look is what all hosts were at a time. Immutable.
type look struct {
	began   time.Time // by this process's clock
	now     time.Time // the store's, when it had ended
	hosts   []Host    // that count for what can ever run
	picture picture
}

func (f *fleet) knows(key string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.recent() != nil && f.can[key]
}

// fresh is the last look, nil where it is too old to say yes.
func (f *fleet) fresh() *look {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.recent()
}

func (f *fleet) recent() *look {
	if f.last == nil || time.Since(f.last.began) >= fleetFresh {
		return nil
	}
	return f.last
}

// keep replaces the last look. One without a host says yes to all, and is not to do
// so when the first has joined.
func (f *fleet) keep(l *look) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = l.picture
	if len(l.hosts) > 0 && !l.began.Before(f.changed) {
		f.last, f.can = l, make(map[string]bool)
	}
}

// learn notes that a look can meet a need, while it is the last one.
func (f *fleet) learn(key string, from *look) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last == from && len(f.can) < 4*maxClasses {
		f.can[key] = true
	}
}

// forget has the next submit look at the fleet.
func (f *fleet) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last, f.changed = nil, time.Now()
	f.looks.Forget("")
}

func (f *fleet) picture() picture {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}
