package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// Tally counts what the hosts of a fleet did. Safe for concurrent use.
type Tally struct {
	mu      sync.Mutex
	counts  Counts
	renewal []float64 // ms, of each that succeeded
	trouble error     // the first
}

// Counts are calls that were answered, since the last Reset.
type Counts struct {
	Renewals, Views, Claims int
	// Beaten are claims of jobs that another host was faster for; Gone are leases
	// that a renewal said were lost; Failed all other errors.
	Beaten, Gone, Failed int
}

// Reset begins anew.
func (t *Tally) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts, t.renewal, t.trouble = Counts{}, nil, nil
}

// Read gives the counts, the milliseconds of each renewal and the first error, nil if there was none.
func (t *Tally) Read() (Counts, []float64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts, append([]float64(nil), t.renewal...), t.trouble
}

func (t *Tally) renewed(ctx context.Context, took time.Duration, gone int, err error) {
	t.count(ctx, "renew", err, func(c *Counts) {
		c.Renewals++
		c.Gone += gone
		t.renewal = append(t.renewal, float64(took.Microseconds())/1e3)
	})
}

func (t *Tally) looked(ctx context.Context, err error) {
	t.count(ctx, "view", err, func(c *Counts) { c.Views++ })
}

func (t *Tally) claimed(ctx context.Context, err error) {
	if errors.Is(err, scheduler.ErrBusy) || errors.Is(err, scheduler.ErrFinal) {
		t.count(ctx, "", nil, func(c *Counts) { c.Beaten++ })
		return
	}
	t.count(ctx, "claim", err, func(c *Counts) { c.Claims++ })
}

func (t *Tally) failed(ctx context.Context, what string, err error) {
	t.count(ctx, what, err, func(*Counts) {})
}

// count adds an answer, or an error that is not the end of the run.
func (t *Tally) count(ctx context.Context, what string, err error, add func(*Counts)) {
	if err != nil && ctx.Err() != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		add(&t.counts)
		return
	}
	t.counts.Failed++
	if t.trouble == nil {
		t.trouble = fmt.Errorf("%s: %w", what, err)
	}
}
