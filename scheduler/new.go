package scheduler

import (
	"context"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// New gives a Scheduler on a store. The zero Timing is DefaultTiming.
func New(st store.Store, o Options) (*Scheduler, error) {
	if o.Timing == (Timing{}) {
		o.Timing = DefaultTiming()
	}
	if err := o.Timing.Validate(); err != nil {
		return nil, fmt.Errorf("scheduler: %w", err)
	}
	s := &Scheduler{store: st, opts: o, ids: ids{high: o.HighWater}}
	s.ids.goOnAbove = s.goOnAbove
	return s, nil
}

// Timing gives the times that this scheduler works by.
func (s *Scheduler) Timing() Timing { return s.opts.Timing }

// Now is the store's time.
func (s *Scheduler) Now(ctx context.Context) (time.Time, error) {
	a, err := s.store.Read(ctx, store.Query{})
	if err != nil {
		return time.Time{}, fmt.Errorf("read the store's time: %w", err)
	}
	return a.Now, nil
}
