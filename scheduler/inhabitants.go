package scheduler

import (
	"context"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Inhabitants says in words who lives in the store: servers and agents that
// follow it, where the store can tell, and hosts whose leases go on. nil: nobody
// that can be seen.
func (s *Scheduler) Inhabitants(ctx context.Context) ([]string, error) {
	n, err := s.watchers(ctx, topicChanges)
	if err != nil {
		return nil, err
	}
	var who []string
	if n > 0 {
		who = append(who, "a server")
	}
	hosts, err := s.Hosts(ctx)
	if err != nil {
		return nil, fmt.Errorf("inhabitants: %w", err)
	}
	now, err := s.Now(ctx)
	if err != nil {
		return nil, err
	}
	for i := range hosts {
		h := &hosts[i]
		n, err := s.watchers(ctx, topicWake(h.Host))
		if err != nil {
			return nil, err
		}
		active, err := s.activeOn(ctx, h.Host)
		if err != nil {
			return nil, fmt.Errorf("inhabitants: %w", err)
		}
		switch {
		case len(active) > 0 && now.Before(h.Renewed.Add(s.opts.Timing.Expire)):
			who = append(who, fmt.Sprintf("the agent of %s, which has %d jobs and was heard of %s", h.Host, len(active), silence(now, h.Renewed)))
		case n > 0:
			who = append(who, "the agent of "+h.Host)
		}
	}
	return who, nil
}

// watchers counts who watches a topic; 0 where the store belongs to one process.
func (s *Scheduler) watchers(ctx context.Context, topic string) (int64, error) {
	st, ok := s.store.(store.Watched)
	if !ok {
		return 0, nil
	}
	n, err := st.Watchers(ctx, topic)
	if err != nil {
		return 0, fmt.Errorf("inhabitants: %w", err)
	}
	return n, nil
}
