package scheduler

import (
	"context"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// HoldWatch is since when this process has seen the hold-off that runs now, on a
// clock of its own that nobody sets. The zero value is ready. One goroutine owns it.
type HoldWatch struct {
	identity string // of the store: versions of another one say nothing
	version  uint64 // of the epoch record
	since    time.Duration
}

// Since gives when, on the process's own clock, it first saw the hold-off that
// runs; false where it has seen none. Simulations compare states by it.
func (h *HoldWatch) Since(identity string, version uint64) (time.Duration, bool) {
	return h.since, h.identity == identity && h.version == version && version != 0
}

// seen notes that the hold-off runs, and gives for how long it has been seen to.
func (h *HoldWatch) seen(identity string, version uint64, mono time.Duration) time.Duration {
	if _, known := h.Since(identity, version); !known {
		*h = HoldWatch{identity, version, mono}
	}
	return mono - h.since
}

// EndHoldOff ends the hold-off once this process itself has seen it run for
// Timing.HoldOff, and reports whether it did. The store's clock has no say, so
// that one which is set neither ends it early nor makes it last: an adoption
// that was seen had happened. Until a server has counted it out, every claim of
// an older job is refused, whoever asks.
//
// mono gives the process's own clock; it is asked after the store has answered.
func (s *Scheduler) EndHoldOff(ctx context.Context, h *HoldWatch, mono func() time.Duration) (bool, error) {
	t := transition[bool]{name: "hold-off", freeing: true, query: store.Query{Keys: []string{keyEpoch}}}
	t.decide = func(f *facts) (p plan[bool], err error) {
		var e epochRecord
		version, err := f.load(keyEpoch, &e)
		if err != nil || !e.Held || e.Identity != f.Identity {
			return p, err
		}
		if h.seen(f.Identity, version, mono()) < s.opts.Timing.HoldOff {
			return p, nil
		}
		e.Held, e.HoldUntil = false, 0
		p.guard(store.At(keyEpoch, version))
		p.effect(store.Put(keyEpoch, encode(e)))
		p.value = true
		return p, nil
	}
	return run(ctx, s, t)
}
