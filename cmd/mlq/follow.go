package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

// logPlace is how far a job's log was read.
type logPlace struct {
	attempt int // 0: nothing was read yet
	offset  int64
}

// logFollower copies a job's log through restarts of the server.
type logFollower struct {
	io    streams
	r     *remote
	id    scheduler.JobID
	place logPlace
}

// follow copies the log until the job has ended and all of it was read. A stream
// ends with the job, but also with its server; so the job is asked, and what a
// stream has left is read after that.
func (f *logFollower) follow(ctx context.Context) error {
	if err := f.stream(ctx); err != nil {
		return err
	}
	for {
		var job api.Job
		err := persist(ctx, f.io, func() error { return f.r.get(ctx, jobPath(f.id, ""), nil, &job) })
		if err == nil {
			err = persist(ctx, f.io, func() error { return f.advance(ctx, len(job.Attempts)) })
		}
		if err != nil {
			return err
		}
		before := f.place
		// One that begins after the end brings the rest, whatever the rest is.
		if err = persist(ctx, f.io, func() error { return f.stream(ctx) }); err != nil || job.State.Final() {
			return err
		}
		if f.place == before { // a server that is stopping answers still
			select {
			case <-ctx.Done():
			case <-time.After(noticesAgain):
			}
		}
	}
}

// stream copies what comes, over all attempts from the place's own. The place's
// offset goes on over their borders, until advance puts it right.
func (f *logFollower) stream(ctx context.Context) error {
	response, err := f.r.do(ctx, http.MethodGet, jobPath(f.id, "/logs"), url.Values{"follow": {"1"}, "offset": {strconv.FormatInt(f.place.offset, 10)}}, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	attempt, err := strconv.Atoi(response.Header.Get(api.HeaderLogAttempt))
	if err != nil {
		return failed("log of job %d: its attempt is not named", f.id)
	}
	if f.place.attempt == 0 {
		f.place.attempt = attempt
	}
	if attempt != f.place.attempt {
		return nil // it was repeated meanwhile: advance reads the rest of the old one
	}
	return f.copy(ctx, response.Body)
}

// copy holds a connection that broke for an end like any other; what cannot be
// written is no fault of the server's.
func (f *logFollower) copy(ctx context.Context, from io.Reader) error {
	to := &outcome{to: f.io.out}
	n, err := io.Copy(to, from)
	f.place.offset += n
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if to.err != nil {
		return failed("log of job %d: %w", f.id, to.err)
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		fmt.Fprintf(f.io.err, "mlq: %v; the job goes on, trying again\n", err)
	}
	return nil
}

// advance puts the place within its attempt, and reads attempts that have ended
// to their ends.
func (f *logFollower) advance(ctx context.Context, last int) error {
	for f.place.attempt < last {
		query := url.Values{"attempt": {strconv.Itoa(f.place.attempt)}, "offset": {strconv.FormatInt(f.place.offset, 10)}}
		response, err := f.r.do(ctx, http.MethodGet, jobPath(f.id, "/logs"), query, nil)
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(response.Header.Get(api.HeaderLogSize), 10, 64)
		if err == nil {
			err = f.copy(ctx, response.Body)
		}
		if err = errors.Join(err, response.Body.Close()); err != nil {
			return err
		}
		f.place = logPlace{f.place.attempt + 1, max(f.place.offset-size, 0)}
	}
	return nil
}

// outcome remembers whether it was the writing that failed.
type outcome struct {
	to  io.Writer
	err error
}

func (o *outcome) Write(p []byte) (int, error) {
	n, err := o.to.Write(p)
	if err != nil {
		o.err = err
	}
	return n, err
}
