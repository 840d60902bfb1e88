package agent

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// janitorEvery is how often old folders and payloads are looked for.
const janitorEvery = 10 * time.Minute

// janitor removes what nobody needs any more.
func (a *Agent) janitor(ctx context.Context) {
	for ctx.Err() == nil {
		if err := errors.Join(a.cache.sweep(time.Now()), a.sweepJobs(ctx, time.Now())); err != nil && ctx.Err() == nil {
			a.opts.Log.Warn().Err(err).Msg("cannot clean up")
		}
		sleep(ctx, janitorEvery)
	}
}

// sweepJobs removes the folders of jobs that ended long ago. The store is
// asked first: a job that may run again keeps its folder.
func (a *Agent) sweepJobs(ctx context.Context, now time.Time) error {
	tags, err := filepath.Glob(filepath.Join(a.workdirs.root, "*.json"))
	if err != nil {
		return err
	}
	var failed []error
	for _, path := range tags {
		n, err := strconv.ParseInt(strings.TrimSuffix(filepath.Base(path), ".json"), 10, 64)
		if err != nil {
			continue // not ours
		}
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && now.Sub(info.ModTime()) < a.opts.KeepWork {
			continue // too young, whatever became of the job
		}
		failed = append(failed, err, a.sweepJob(ctx, scheduler.JobID(n), now))
	}
	return errors.Join(failed...)
}

func (a *Agent) sweepJob(ctx context.Context, id scheduler.JobID, now time.Time) error {
	t, err := a.workdirs.readTag(id)
	damaged := errors.Is(err, errDamaged) // it may be the job's of this number, which then has to end first
	if err != nil && !damaged {
		return err
	}
	job, err := a.opts.Scheduler.Job(ctx, id)
	if errors.Is(err, scheduler.ErrDamaged) || err != nil && !errors.Is(err, scheduler.ErrNotFound) {
		return err // what is damaged may be brought back
	}
	known := err == nil && (damaged || job.Submitted.Equal(t.Submitted))
	if known && !expired(job, now, a.opts.KeepWork) {
		return nil
	}
	return a.workdirs.remove(id)
}

// expired is pure: whether a job's folder may go.
func expired(job scheduler.Job, now time.Time, keep time.Duration) bool {
	return job.State.Final() && now.Sub(job.EndedAt) >= keep
}
