package scheduler

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlq-dev/mlq/internal/stride"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// EveryJob calls do with each job that the store keeps and what it runs (a Spec
// without a body where it was purged in between), from the highest id down and
// a page at a time. Jobs that come or go meanwhile may be missed. Of one that is damaged do gets what
// can be read, its id at least; damaged gets each record that cannot, as it is: it may name files.
func (s *Scheduler) EveryJob(ctx context.Context, do func(*Job, Spec) error, damaged func(*DamagedError) error) error {
	step := stride.UpTo(listStep)
	return s.everyIDs(ctx, func(ids []JobID) error {
		jobs, broken, err := s.readAllJobs(ctx, ids)
		if err != nil {
			return fmt.Errorf("every job: %w", err)
		}
		for _, e := range broken {
			if err := damaged(e); err != nil {
				return err
			}
			jobs = append(jobs, Job{ID: e.Job, Version: e.Version})
		}
		for len(jobs) > 0 {
			n := min(step.Next(), len(jobs))
			bytes, err := s.withSpecs(ctx, jobs[:n], do, damaged)
			if err != nil {
				return err
			}
			step.Was(n, bytes)
			jobs = jobs[n:]
		}
		return nil
	})
}

// everyPage calls do with the jobs that the store keeps, but the damaged ones, some at a time. Their
// specs, which are most of it, are read only by who needs them.
func (s *Scheduler) everyPage(ctx context.Context, do func([]Job) error) error {
	return s.everyIDs(ctx, func(ids []JobID) error {
		jobs, err := s.readJobs(ctx, ids)
		if err != nil {
			return fmt.Errorf("every job: %w", err)
		}
		return do(jobs)
	})
}

// everyIDs calls do with all ids that can have been issued, some at a time, the highest first.
func (s *Scheduler) everyIDs(ctx context.Context, do func([]JobID) error) error {
	top, gaps, err := s.highestID(ctx)
	if err != nil {
		return fmt.Errorf("every job: %w", err)
	}
	for ids := idsDown(top, listStep, gaps); len(ids) > 0; ids = idsDown(ids[len(ids)-1]-1, listStep, gaps) {
		if err := do(ids); err != nil {
			return err
		}
	}
	return nil
}

// withSpecs calls do with each of the jobs and its spec, and tells how many bytes it has read.
func (s *Scheduler) withSpecs(ctx context.Context, jobs []Job, do func(*Job, Spec) error, damaged func(*DamagedError) error) (bytes int, err error) {
	q := store.Query{Keys: make([]string, len(jobs))}
	for i := range jobs {
		q.Keys[i] = keySpec(jobs[i].ID)
	}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return 0, fmt.Errorf("every job: %w", err)
	}
	for i, text := range a.Records {
		var spec Spec
		var unread error
		if text.Version != 0 {
			spec, unread = decodeSpec(jobs[i].ID, text.Value)
		}
		if why, is := errors.AsType[*DamagedError](unread); is {
			if err := damaged(why); err != nil {
				return 0, err
			}
		}
		if err := do(&jobs[i], spec); err != nil {
			return 0, err
		}
	}
	return weight(a.Records), nil
}

func weight(records []store.Record) (bytes int) {
	for i := range records {
		bytes += len(records[i].Value)
	}
	return bytes
}

// Known reports which of the jobs the store keeps, damaged ones among them.
func (s *Scheduler) Known(ctx context.Context, ids []JobID) (map[JobID]bool, error) {
	known := make(map[JobID]bool, len(ids))
	if len(ids) == 0 {
		return known, nil
	}
	jobs, damaged, err := s.readAllJobs(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range jobs {
		known[jobs[i].ID] = true
	}
	for _, e := range damaged {
		known[e.Job] = true
	}
	return known, nil
}
