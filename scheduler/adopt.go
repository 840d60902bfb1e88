package scheduler

import (
	"context"
	"hash/fnv"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// idJump is how many ids may have been lost with a store.
const idJump = 1_000_000

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
	t := transition[struct{}]{name: "adopt", freeing: true, query: store.Query{Keys: []string{keyEpoch, keyGaps, keySchema}, Counters: []string{keyIDs}}}
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
		Adopted: stamp(f.Now), First: old.First,
	}
	last := JobID(f.counter(keyIDs))
	if used := version != 0 || high != 0; used {
		e.Held, e.HoldUntil = true, stamp(f.Now.Add(t.HoldOff))
		e.First = max(last, high) + idJump + apart(f.Identity) + 1
		if err := p.leaveOut(f, e.First); err != nil {
			return p, err
		}
	}
	p.guard(store.At(keyEpoch, version))
	p.effect(store.Put(keyEpoch, encode(e)))
	return p, nil
}

// apart is how much further than idJump the ids of a store go on. Two servers may adopt
// two stores that continue the same one, as an old master that has just come back and the
// new one: up to there both have the same ids to give. Beyond it they most likely have not:
// where each gives n ids, some are the same in one case of idJump / 2n.
func apart(identity string) JobID {
	h := fnv.New64a()
	h.Write([]byte(identity)) // never fails
	return JobID(h.Sum64() % idJump)
}
