package scheduler

import (
	"context"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// EveryJob calls do with each job that the store keeps and what it runs (a Spec
// without a body where it was purged in between), from the highest id down and
// a page at a time. Jobs that come or go meanwhile may be missed.
func (s *Scheduler) EveryJob(ctx context.Context, do func(*Job, Spec) error) error {
	top, gaps, err := s.highestID(ctx)
	if err != nil {
		return fmt.Errorf("every job: %w", err)
	}
	for ids := idsDown(top, listStep, gaps); len(ids) > 0; ids = idsDown(ids[len(ids)-1]-1, listStep, gaps) {
		if err := s.jobsOf(ctx, ids, do); err != nil {
			return err
		}
	}
	return nil
}

func (s *Scheduler) jobsOf(ctx context.Context, ids []JobID, do func(*Job, Spec) error) error {
	q := store.Query{Keys: make([]string, 0, 2*len(ids))}
	for _, id := range ids {
		q.Keys = append(q.Keys, keyJob(id), keySpec(id))
	}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return fmt.Errorf("every job: %w", err)
	}
	for i, id := range ids {
		record, text := a.Records[2*i], a.Records[2*i+1]
		if record.Version == 0 {
			continue
		}
		job, err := decodeJob(id, record.Version, record.Value)
		if err != nil {
			return fmt.Errorf("every job: %w", err)
		}
		var spec Spec
		if text.Version != 0 {
			if spec, err = decodeSpec(id, text.Value); err != nil {
				return fmt.Errorf("every job: %w", err)
			}
		}
		if err := do(&job, spec); err != nil {
			return err
		}
	}
	return nil
}

// Known reports which of the jobs the store keeps.
func (s *Scheduler) Known(ctx context.Context, ids []JobID) (map[JobID]bool, error) {
	known := make(map[JobID]bool, len(ids))
	if len(ids) == 0 {
		return known, nil
	}
	jobs, err := s.readJobs(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range jobs {
		known[jobs[i].ID] = true
	}
	return known, nil
}
