package scheduler

import (
	"context"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Notices tells an agent that there may be work for its host, or that
// something changed for one of its leases: it should renew, and look at the
// queue. Several notices may arrive as one; none is needed for correctness.
// The channel is closed when ctx ends.
func (s *Scheduler) Notices(ctx context.Context, host string) (<-chan struct{}, error) {
	in, err := s.store.Watch(ctx, topicWake(host))
	if err != nil {
		return nil, fmt.Errorf("watch notices: %w", err)
	}
	out := make(chan struct{}, 1)
	go func() {
		defer close(out)
		for range in {
			select {
			case out <- struct{}{}:
			default: // one is waiting already
			}
		}
	}()
	return out, nil
}

// Changes follows the changes of all jobs. A slow reader gets Lost instead of
// what it missed. The channel is closed when ctx ends.
func (s *Scheduler) Changes(ctx context.Context) (<-chan Change, error) {
	in, err := s.store.Watch(ctx, topicChanges, topicConsumers)
	if err != nil {
		return nil, fmt.Errorf("watch changes: %w", err)
	}
	out := make(chan Change, 256)
	go func() {
		defer close(out)
		relay(ctx, in, out)
	}()
	return out, nil
}

// relay passes changes on. Where the reader is slow it waits for room, so that
// the store's own channel overflows and says so.
func relay(ctx context.Context, in <-chan store.Notice, out chan<- Change) {
	for n := range in {
		c, ok := parseChange(n.Value)
		if n.Topic == topicConsumers {
			c, ok = Change{Consumers: string(n.Value)}, true
		}
		if n.Lost {
			c, ok = Change{Lost: true}, true
		}
		if !ok {
			continue
		}
		select {
		case out <- c:
		case <-ctx.Done():
			return
		}
	}
}
