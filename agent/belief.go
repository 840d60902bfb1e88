package agent

import (
	"sync/atomic"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// belief is how long this agent may act on its leases: counted from the
// *sending* of the last join or renewal that succeeded, because the store
// counts from a moment after that. It is one for all leases of the agent, and
// read on CLOCK_BOOTTIME, so that a process that was stopped for an hour sees
// that an hour has passed before it says or does anything.
type belief struct {
	timing scheduler.Timing
	sent   atomic.Int64 // CLOCK_BOOTTIME, ns; 0: never joined
}

// confirm notes that what was sent at that time succeeded. Answers may come
// out of order; an older one changes nothing.
func (b *belief) confirm(sent time.Duration) {
	for {
		old := b.sent.Load()
		if int64(sent) <= old || b.sent.CompareAndSwap(old, int64(sent)) {
			return
		}
	}
}

// deadline is when the belief ends; slots are told it and act on it alone.
func (b *belief) deadline() time.Duration {
	return time.Duration(b.sent.Load()) + b.timing.Believe
}

// stage says what the age of the belief means.
type stage uint8

const (
	trusting stage = iota // all is well
	warned                // renewals fail: no new work
	stopping              // the slots stop their jobs, no call is handed over
	lost                  // others may have the leases
)

func (b *belief) stage(now time.Duration) stage {
	return stageOf(now-time.Duration(b.sent.Load()), b.timing)
}

func stageOf(age time.Duration, t scheduler.Timing) stage {
	switch {
	case age < t.Warn:
		return trusting
	case age < t.Term:
		return warned
	case age < t.Believe:
		return stopping
	}
	return lost
}
