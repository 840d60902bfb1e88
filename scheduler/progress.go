package scheduler

import (
	"context"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Limits of what a job reports. Every list of jobs carries it, and whoever reads
// one must not fail for it: Python's json gives up at some hundred levels.
const (
	maxProgress      = 4 << 10 // bytes of JSON
	maxProgressDepth = 32
)

// Progress keeps the last reported value of the attempt: JSON text of at most
// 4 KiB and 32 levels, else it is a FieldError.
func (s *Scheduler) Progress(ctx context.Context, ref LeaseRef, value string) error {
	switch {
	case len(value) > maxProgress:
		return &FieldError{"progress", fmt.Sprintf("has more than %d bytes", maxProgress)}
	case nesting(value) > maxProgressDepth:
		return &FieldError{"progress", fmt.Sprintf("is nested deeper than %d levels", maxProgressDepth)}
	}
	return s.note(ctx, "progress", ref, func(j *Job) bool {
		changed := j.Progress != value
		j.Progress = value
		return changed
	})
}

// nesting is how deep lists and objects of a JSON text lie in each other.
func nesting(text string) (deepest int) {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
			deepest = max(deepest, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return deepest
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
