package scheduler

import (
	"context"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Progress keeps the last reported value (JSON text) of the attempt.
func (s *Scheduler) Progress(ctx context.Context, ref LeaseRef, value string) error {
	return s.note(ctx, "progress", ref, func(j *Job) bool {
		changed := j.Progress != value
		j.Progress = value
		return changed
	})
}

// LogLength keeps how many bytes of the attempt's log have been uploaded. It only grows.
func (s *Scheduler) LogLength(ctx context.Context, ref LeaseRef, n int64) error {
	return s.note(ctx, "log length", ref, func(j *Job) bool {
		changed := n > j.LogBytes
		j.LogBytes = max(j.LogBytes, n)
		return changed
	})
}

// note writes something about the current attempt. apply reports whether it changed the job.
func (s *Scheduler) note(ctx context.Context, name string, ref LeaseRef, apply func(*Job) bool) error {
	t := transition[struct{}]{
		name: name, patient: true, recalls: ref.Job, remembers: ref.Job, query: store.Query{Keys: []string{keyJob(ref.Job)}},
	}
	t.decide = func(f *facts) (p plan[struct{}], err error) {
		job, err := f.job(ref.Job)
		if err != nil {
			return p, err
		}
		if _, err := job.leaseOf(ref.Fence); err != nil {
			return p, err
		}
		after := job.next()
		if apply(&after) {
			p.change(&job, &after)
			p.effect(store.Notify(topicChanges, changeValue(&after)))
		}
		return p, nil
	}
	_, err := run(ctx, s, t)
	return err
}
