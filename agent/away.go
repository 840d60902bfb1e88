package agent

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// awayEvery is how often a server that did not answer is asked whether it is back.
const awayEvery = time.Second

// away remembers that the HTTP server did not answer a payload's fetch.
type away struct {
	since atomic.Bool
	wake  chan struct{} // has a token when it was noted
}

func newAway() *away { return &away{wake: make(chan struct{}, 1)} }

func (w *away) note() {
	w.since.Store(true)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run asks until the server is back, whenever it was noted as away; back is
// then called, so that what was passed over is looked at again.
func (w *away) run(ctx context.Context, ready func(context.Context) error, back func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		for ctx.Err() == nil && ready(ctx) != nil {
			sleep(ctx, awayEvery)
		}
		w.since.Store(false)
		back()
	}
}

// needsAPI reports whether a job's call cannot be run without the server.
// What cannot be read is not kept waiting: it is claimed, and rejected.
func needsAPI(spec scheduler.Spec) bool {
	p, err := submission.Parse(spec.Media, spec.Body)
	if err != nil {
		return false
	}
	if len(p.Request.Secrets) > 0 {
		return true
	}
	switch p.Call.Kind {
	case submission.KindRef, submission.KindUploaded, submission.KindMessage:
		return true
	}
	return false
}
