package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mlq-dev/mlq/api"
)

// awayPatience is how long a command that has a job, or submits one, waits for a server
// or a store that has gone: a restart, or an upgrade by hand.
const awayPatience = 2 * time.Minute

// persist does it again while the server is away. What it refuses is final.
func persist(ctx context.Context, io streams, do func() error) error {
	return insist(ctx, io, "the job goes on, trying again", func(err error, _ bool) bool { return again(err) }, do)
}

// insist does it again while later says of its error that this may help: for awayPatience
// from the first, of which it tells, with words. later also knows whether it has begun to wait.
func insist(ctx context.Context, io streams, words string, later func(err error, waits bool) bool, do func() error) error {
	var since time.Time
	for {
		err := do()
		if err == nil || context.Cause(ctx) != nil || !later(err, !since.IsZero()) {
			return err
		}
		if since.IsZero() {
			since = time.Now()
			fmt.Fprintf(io.err, "mlq: %v; %s\n", err, words)
		}
		if time.Since(since) > awayPatience {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(noticesAgain):
		}
	}
}

// submitLater reports whether a submit may do later what it could not do now. A server that
// answers but has no store will have it again; one that is full, or lacks a key, waits for
// its admin. No answer at all may be a wrong URL, except where one had come before: then the
// server is being started again. A proxy's 502 or 504 is no answer of a server either.
func submitLater(err error, waits bool) bool {
	var problem *api.Error
	if !errors.As(err, &problem) || problem.Status == http.StatusBadGateway || problem.Status == http.StatusGatewayTimeout {
		return waits
	}
	return problem.Status == http.StatusServiceUnavailable && problem.Code != api.CodeStoreFull && problem.Code != api.CodeNoKey
}
