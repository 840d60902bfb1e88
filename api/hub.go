package api

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/scheduler"
)

// hub spreads the scheduler's hints to the requests that wait: one watch per
// process, whatever their number. Hints may be lost, so whoever waits also
// reads again from time to time.
type hub struct {
	mu   sync.Mutex
	jobs map[scheduler.JobID]map[*waiter]struct{}
	all  map[*waiter]struct{}
	// consumers are those who wait for work, by user.
	consumers map[string]map[*waiter]struct{}
}

// waiter is one request that waits. Several hints before it looks are one.
type waiter struct {
	wake  chan struct{}
	final bool // only the end matters
}

func (w *waiter) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// wait subscribes to one job; job 0 means all. The caller reads after it has
// subscribed, so that nothing falls between, and calls stop when done.
func (h *hub) wait(job scheduler.JobID, final bool) (wake <-chan struct{}, stop func()) {
	w := &waiter{wake: make(chan struct{}, 1), final: final}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.jobs == nil {
		h.jobs = make(map[scheduler.JobID]map[*waiter]struct{})
		h.all = make(map[*waiter]struct{})
	}
	if job == 0 {
		h.all[w] = struct{}{}
		return w.wake, func() { h.leave(job, w) }
	}
	if h.jobs[job] == nil {
		h.jobs[job] = make(map[*waiter]struct{})
	}
	h.jobs[job][w] = struct{}{}
	return w.wake, func() { h.leave(job, w) }
}

// waitConsumer subscribes to what concerns the consumers of a user, "" of all. Otherwise as wait.
func (h *hub) waitConsumer(user string) (wake <-chan struct{}, stop func()) {
	w := &waiter{wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.consumers == nil {
		h.consumers = make(map[string]map[*waiter]struct{})
	}
	if h.consumers[user] == nil {
		h.consumers[user] = make(map[*waiter]struct{})
	}
	h.consumers[user][w] = struct{}{}
	return w.wake, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.consumers[user], w)
		if len(h.consumers[user]) == 0 {
			delete(h.consumers, user)
		}
	}
}

func (h *hub) leave(job scheduler.JobID, w *waiter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.all, w)
	delete(h.jobs[job], w)
	if len(h.jobs[job]) == 0 {
		delete(h.jobs, job)
	}
}

// tell wakes whoever waits for this change.
func (h *hub) tell(c scheduler.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.Lost {
		for _, waiters := range h.jobs {
			nudgeAll(waiters)
		}
		nudgeAll(h.all)
		for _, waiters := range h.consumers {
			nudgeAll(waiters)
		}
		return
	}
	if c.Consumers != "" {
		nudgeAll(h.consumers[c.Consumers])
		nudgeAll(h.consumers[""])
		return
	}
	for w := range h.jobs[c.Job] {
		if !w.final || c.State.Final() {
			w.nudge()
		}
	}
	nudgeAll(h.all)
}

func nudgeAll(waiters map[*waiter]struct{}) {
	for w := range waiters {
		w.nudge()
	}
}

// run watches until ctx ends, and starts over when the watch breaks.
func (h *hub) run(ctx context.Context, s *scheduler.Scheduler, log zerolog.Logger) {
	for ctx.Err() == nil {
		changes, err := s.Changes(ctx)
		if err != nil {
			log.Warn().Err(err).Msg("cannot watch for changes; waiting requests poll meanwhile")
			pause(ctx, time.Second)
			continue
		}
		h.tell(scheduler.Change{Lost: true})
		for c := range changes {
			h.tell(c)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
