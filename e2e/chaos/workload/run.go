package workload

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

//go:embed job.py
var source string

// Run is the users of one run. Its fields are set before Work.
type Run struct {
	Seed   uint64
	Rate   float64 // arrivals a second, on average
	Root   string  // the folder of truth.jsonl and locks/
	Doors  []Door  // to the servers, over the users' links
	Tokens map[string]string
	Record *record.Writer
	// Crowded reports that so much waits already that nobody else should come; nil: never.
	Crowded func(context.Context) bool

	// Answered and Unanswered count the operations so far.
	Answered, Unanswered, Submitted atomic.Int64

	source string
	keys   string
	known  known
	mu     sync.Mutex
	errs   []error
}

// Users are those that Tokens must have.
func Users() []string { return users }

// Work has users arrive until ctx ends, and returns when the last one has got
// what they came for, or gave up: some 30 s later at the most.
func (r *Run) Work(ctx context.Context) error {
	r.source, r.keys, r.known.ids = source, fmt.Sprintf("chaos-%d", r.Seed), map[int]int64{}
	p := plan{seed: r.Seed, rate: r.Rate}
	var at sync.WaitGroup
	staying := context.WithoutCancel(ctx)
	for {
		next := p.next()
		pause(ctx, next.gap)
		r.stayAway(ctx)
		if ctx.Err() != nil {
			break
		}
		user := users[next.user]
		v := &visit{intent: next, run: r, who: fmt.Sprintf("%s-%d", user, next.n), token: r.Tokens[user], server: next.server}
		at.Go(func() { v.do(staying) })
	}
	at.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.errs...)
}

// stayAway waits while what is there is too much already: faults that come one upon the
// other let nothing run for minutes, and a heap of jobs tests nothing but patience.
func (r *Run) stayAway(ctx context.Context) {
	for ctx.Err() == nil && r.Crowded != nil && r.Crowded(ctx) {
		pause(ctx, time.Second)
	}
}

// op writes an operation down.
func (r *Run) op(op record.Op) {
	if op.Unknown {
		r.Unanswered.Add(1)
	} else {
		r.Answered.Add(1)
	}
	if op.Op == record.Submit {
		r.Submitted.Add(1)
	}
	r.failed(record.Write(r.Record, op))
}

func (r *Run) failed(err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
}

// known are the ids of the arrivals' first jobs.
type known struct {
	mu  sync.Mutex
	ids map[int]int64
}

func (k *known) put(n int, ids []int64) {
	if len(ids) == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ids[n] = ids[0]
}

func (k *known) get(n int) int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ids[n]
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
