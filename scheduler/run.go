package scheduler

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Run keeps the shared state moving until ctx ends: it adopts the store when
// its identity is new, ends silent leases, queues what was waiting for a time
// or for other jobs, stops what runs on drained hosts at the deadline, and
// checks. Several servers may run it on one store: every step is guarded. It
// returns after the last loop has ended; with ErrNewerSchema where a newer
// build has begun to migrate the store.
func (s *Scheduler) Run(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	if err := s.adopt(ctx); err != nil && ctx.Err() == nil {
		s.opts.Log.Warn().Err(err).Msg("store not adopted yet")
	}
	start, reaper, hold, watched := time.Now(), new(Reaper), new(HoldWatch), new(inspector)
	own := func() time.Duration { return time.Since(start) }
	t := s.opts.Timing
	var wg sync.WaitGroup
	for _, l := range []loop{
		{"adopt", t.PromoteEvery, roundPatience, func(ctx context.Context) error {
			err := s.adopt(ctx)
			if errors.Is(err, ErrNewerSchema) {
				end(err)
			}
			if err != nil {
				return err
			}
			ended, err := s.EndHoldOff(ctx, hold, own)
			if ended {
				s.opts.Log.Info().Msg("the hold-off is over: jobs of before the store changed may start")
			}
			return err
		}},
		{"promote", t.PromoteEvery, roundPatience, s.Promote},
		{"reap", t.ReapEvery, roundPatience, func(ctx context.Context) error {
			n, err := s.Reap(ctx, reaper, own)
			if n > 0 {
				s.opts.Log.Warn().Int("leases", n).Msg("leases of silent agents ended")
			}
			return err
		}},
		{"drain", t.PromoteEvery, roundPatience, func(ctx context.Context) error {
			n, err := s.KeepDrains(ctx)
			if n > 0 {
				s.opts.Log.Info().Int("jobs", n).Msg("jobs told to stop: the deadline of a drain has passed")
			}
			return err
		}},
		{"check", t.CheckEvery, 0, s.checkAndLog},
		{"usage", t.CheckEvery, 0, s.FoldUsage},
		{"inspect", t.CheckEvery, 0, func(ctx context.Context) error { return watched.round(ctx, s) }},
	} {
		wg.Go(func() { s.repeat(ctx, l) })
	}
	wg.Wait()
	if err := context.Cause(ctx); errors.Is(err, ErrNewerSchema) {
		return err
	}
	return nil
}

type loop struct {
	name   string
	every  time.Duration
	within time.Duration // most of a round, after which it hangs; 0: it takes what it takes
	do     func(context.Context) error
}

// roundPatience is more than a round takes that moves as much as it may: each
// answer of the store comes, or fails, within seconds.
const roundPatience = 2 * time.Minute

// Stuck says which of the loops that move jobs hangs; nil: none does. Rounds
// that fail are rounds. Safe for concurrent use.
func (s *Scheduler) Stuck() error { return s.pulse.Stuck() }

// repeat runs a loop's step at its pace. An error is logged when it is new,
// and the step tried again the next time.
func (s *Scheduler) repeat(ctx context.Context, l loop) {
	tick := time.NewTicker(l.every)
	defer tick.Stop()
	last := ""
	s.tally.begin(l.name)
	defer s.pulse.End(l.name)
	for {
		if l.within > 0 {
			s.pulse.Beat(l.name, l.every+l.within)
		}
		err := l.do(ctx)
		if ctx.Err() == nil {
			s.tally.round(l.name, err)
		}
		if err != nil && ctx.Err() == nil && err.Error() != last {
			last = err.Error()
			s.opts.Log.Error().Err(err).Str("loop", l.name).Msg("a loop of the scheduler failed, it goes on trying")
		}
		if err == nil && last != "" {
			last = ""
			s.opts.Log.Info().Str("loop", l.name).Msg("the loop works again")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Scheduler) checkAndLog(ctx context.Context) error {
	r, err := s.Check(ctx)
	for _, text := range r.Repairs {
		s.opts.Log.Error().Str("repair", text).Msg("the check repaired something that should not happen")
	}
	return err
}
