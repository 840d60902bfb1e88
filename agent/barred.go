package agent

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// barredFor is how long a host tells that a job was not placed on it for its
// working directory; a job that still waits is looked at more often. maxBarred
// bounds what is told.
const (
	barredFor = time.Minute
	maxBarred = 32
)

// barred remembers the working directories that jobs may not enter here, so that
// whoever asks why their job waits is told. Safe for concurrent use.
type barred struct {
	mu   sync.Mutex
	seen map[scheduler.Barred]time.Time
}

// note remembers the answer for a directory.
func (b *barred) note(dir, unix string, ok bool, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	which := scheduler.Barred{Dir: dir, Unix: unix}
	if ok {
		delete(b.seen, which)
		return
	}
	if b.seen == nil {
		b.seen = map[scheduler.Barred]time.Time{}
	}
	if _, known := b.seen[which]; known || len(b.seen) < maxBarred {
		b.seen[which] = now
	}
}

// list gives them in a fixed order.
func (b *barred) list(now time.Time) (all []scheduler.Barred) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for which, at := range b.seen {
		if now.Sub(at) > barredFor {
			delete(b.seen, which)
			continue
		}
		all = append(all, which)
	}
	slices.SortFunc(all, func(x, y scheduler.Barred) int {
		return cmp.Or(cmp.Compare(x.Dir, y.Dir), cmp.Compare(x.Unix, y.Unix))
	})
	return all
}
