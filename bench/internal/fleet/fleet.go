package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// atOnce is how many hosts do something at the same time where all of them have to.
const atOnce = 16

// Fleet is many hosts of one process, each with a store or server connection of its own.
type Fleet struct {
	Hosts []*Host
	Tally *Tally

	mu     sync.Mutex
	closes []func() error
}

// OnStore opens a store of one host's own, as an agent with --store does.
func (f *Fleet) OnStore(ctx context.Context, url string) (*scheduler.Scheduler, error) {
	st, err := redisstore.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.closes = append(f.closes, st.Close)
	f.mu.Unlock()
	return scheduler.New(st, scheduler.Options{Timing: scheduler.DefaultTiming(), Log: zerolog.Nop()})
}

// Each does something for every host, a few at a time, until one fails.
func (f *Fleet) Each(ctx context.Context, do func(context.Context, int, *Host) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, h := range f.Hosts {
		group.Go(func() error {
			if err := do(ctx, i, h); err != nil {
				return fmt.Errorf("host %s: %w", h.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// Run runs all hosts until ctx ends.
func (f *Fleet) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, h := range f.Hosts {
		all.Go(func() { h.Run(ctx) })
	}
	all.Wait()
}

// Close closes the connections. Only after Run has returned.
func (f *Fleet) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, c := range f.closes {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}
