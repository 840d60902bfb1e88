package scheduler

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Queue lists the waiting jobs of all classes, at most limit, in about the
// order in which they come up: priority, then turn, then arrival. What users
// hold at the moment of a choice comes on top of that.
func (s *Scheduler) Queue(ctx context.Context, limit int) ([]Job, error) {
	if limit <= 0 || limit > maxList {
		limit = defaultList
	}
	entries, err := s.firstEntries(ctx, limit)
	if err != nil {
		return nil, fmt.Errorf("list the queue: %w", err)
	}
	ids := make([]JobID, len(entries))
	for i := range entries {
		ids[i] = entries[i].Job
	}
	jobs, err := s.readJobs(ctx, ids)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(jobs, func(j Job) bool { return j.State != Queued }), nil
}

func (s *Scheduler) firstEntries(ctx context.Context, limit int) ([]Entry, error) {
	classes, err := s.listedClasses(ctx)
	if err != nil {
		return nil, err
	}
	q := store.Query{Ranges: make([]store.Range, len(classes))}
	for i, class := range classes {
		q.Ranges[i] = store.Range{Index: keyQueue(class), Limit: limit}
	}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return nil, err
	}
	var p picker
	for i, class := range classes {
		for _, m := range a.Ranges[i] {
			if e, err := parseEntry(class, m); err == nil {
				p.cands = append(p.cands, candidate{Entry: e})
			}
		}
	}
	p.setTurns()
	slices.SortStableFunc(p.cands, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.turn, b.turn),
			a.Since.Compare(b.Since), cmp.Compare(a.Job, b.Job))
	})
	entries := make([]Entry, 0, limit)
	for i := range p.cands[:min(limit, len(p.cands))] {
		entries = append(entries, p.cands[i].Entry)
	}
	return entries, nil
}
