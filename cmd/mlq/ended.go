package main

import (
	"context"
	"net/http"
	"net/url"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

// endedJob waits for the end of a job and returns it.
func endedJob(ctx context.Context, r *remote, id scheduler.JobID) (*api.Job, error) {
	query := url.Values{"wait": {serverWait.String()}}
	for {
		var job api.Job
		if err := r.get(ctx, jobPath(id, ""), nil, &job); err != nil {
			return nil, err
		}
		if job.State.Final() {
			return &job, nil
		}
		// The result's own wait is used as the bell; what it says is told by the job.
		response, err := r.do(ctx, http.MethodHead, jobPath(id, "/result"), query, nil)
		if err == nil {
			response.Body.Close() //nolint:errcheck // it has none
		} else if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// followedToEnd is endedJob for a command that has followed the job so far: it
// outlasts a restart of the server.
func followedToEnd(ctx context.Context, io streams, r *remote, id scheduler.JobID) (job *api.Job, err error) {
	err = persist(ctx, io, func() error { job, err = endedJob(ctx, r, id); return err })
	return job, err
}

// endInWords says how a job ended.
func endInWords(j *api.Job) string {
	text := string(j.State)
	if j.Reason != "" && j.Reason != scheduler.ReasonError {
		text += " (" + string(j.Reason) + ")"
	}
	if j.Detail != "" {
		text += ": " + j.Detail
	}
	return text
}
