package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

// waitQuietly is how long a terminal stays silent about a job that waits.
const waitQuietly = 2 * time.Second

// followLog copies the output of a job that was just submitted until it has
// ended, and says on standard error why it waits and what befalls it.
func followLog(ctx context.Context, io streams, r *remote, id scheduler.JobID) error {
	tellLimit(ctx, io, r, id)
	waits := whileWaiting(ctx, io, r, id)
	told := tellNotices(ctx, io, r, id, true)
	err := (&logFollower{io: io, r: r, id: id}).follow(ctx)
	told()
	waits()
	return err
}

// tellLimit says which time limit a job has that was just submitted, and whose it
// is: nobody should learn of a server's default by losing a day's work to it.
func tellLimit(ctx context.Context, io streams, r *remote, id scheduler.JobID) {
	var job api.Job
	// It is a courtesy too.
	if err := r.get(ctx, jobPath(id, ""), nil, &job); err == nil && job.TimeoutSeconds > 0 {
		fmt.Fprintf(io.err, "mlq: job %d: limit %s\n", id, limitInWords(&job))
	}
}

// whileWaiting says why a job waits, if it still does after a moment, so that
// nobody takes a queue for a program that hangs. The caller ends it.
func whileWaiting(ctx context.Context, io streams, r *remote, id scheduler.JobID) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-ctx.Done():
			return
		case <-time.After(waitQuietly):
		}
		var why api.Why
		// It is a courtesy: without an answer, the log will tell what is wrong.
		if err := r.get(ctx, jobPath(id, "/why"), nil, &why); err == nil && why.Position > 0 {
			fmt.Fprintln(io.err, "mlq:", waitsInWords(id, &why))
		}
	}()
	return func() { cancel(); <-done }
}

// waitsInWords tells a job's place and the most decisive reason.
func waitsInWords(id scheduler.JobID, why *api.Why) string {
	text := fmt.Sprintf("job %d waits, place %d", id, why.Position)
	if len(why.Reasons) > 0 {
		text += ": " + harmless(why.Reasons[0].Text)
	}
	return text
}
