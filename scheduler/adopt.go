package scheduler

import (
	"context"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// idJump is how many ids may have been lost with a store.
const idJump = 1_000_000

// maxGaps is how many unissued ranges of ids the epoch record remembers.
const maxGaps = 32

// adoptOnce adopts the store before this process takes its first id, so that
// an empty store is known as one.
func (s *Scheduler) adoptOnce(ctx context.Context) error {
	if s.adopted.Load() {
		return nil
	}
	if err := s.adopt(ctx); err != nil {
		return err
	}
	s.adopted.Store(true)
	return nil
}

// adopt makes the store that answers now the namespace's store. Where it is
// not the one on record, writes may have been lost: jobs older than this are
// held until whoever runs them has given up, and ids go on above all that can
// have been issued.
func (s *Scheduler) adopt(ctx context.Context) error {
	var high JobID
	if s.opts.HighWater != nil {
		var err error
		if high, err = s.opts.HighWater.Load(); err != nil {
			return err
		}
	}
	t := transition[struct{}]{name: "adopt", freeing: true, query: store.Query{Keys: []string{keyEpoch, keySchema}, Counters: []string{keyIDs}}}
	t.decide = func(f *facts) (plan[struct{}], error) {
		if _, _, err := schemaOf(f, s.opts.Version); err != nil {
			return plan[struct{}]{}, err
		}
		return decideAdopt(f, high, s.opts.Timing)
	}
	_, err := run(ctx, s, t)
	return err
}

func decideAdopt(f *facts, high JobID, t Timing) (p plan[struct{}], err error) {
	var old epochRecord
	version, err := f.load(keyEpoch, &old)
	if err != nil || version != 0 && old.Identity == f.Identity {
		return p, err
	}
	e := epochRecord{
		Identity: f.Identity, Epoch: max(old.Epoch+1, uint64(f.Now.UnixMilli())),
		Adopted: stamp(f.Now), Gaps: old.Gaps,
	}
	last := JobID(f.counter(keyIDs))
	if used := version != 0 || high != 0; used {
		e.HoldUntil = stamp(f.Now.Add(t.HoldOff))
		jump := max(last, high) + idJump - last
		e.Gaps = append(e.Gaps, [2]JobID{last + 1, last + jump + 1})
		p.effect(store.Add(keyIDs, int64(jump)))
	}
	if n := len(e.Gaps); n > maxGaps {
		e.Gaps = e.Gaps[n-maxGaps:]
	}
	p.guard(store.At(keyEpoch, version))
	p.effect(store.Put(keyEpoch, encode(e)))
	return p, nil
}
