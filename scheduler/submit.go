package scheduler

import (
	"context"
	"fmt"
)

// A batch is committed in chunks of at most so many jobs and bytes of specs.
const (
	chunkJobs  = 500
	chunkBytes = 16 << 20
)

// Submit queues jobs, in order, all under one idempotency key ("" for none).
// The same key with the same content answers the ids of then, and completes
// what an interrupted batch left out; with other content it is refused with
// ErrKeyReused. A batch is checked as a whole before anything is committed,
// and each chunk of it is committed as a whole.
//
// Refusals: FieldError (ErrInvalid), ErrQuota, ErrUnsatisfiable, ErrKeyReused.
func (s *Scheduler) Submit(ctx context.Context, who Who, subs []Submission, key string) (Submitted, error) {
	batches, places, err := newBatches(who, subs, key)
	if err != nil {
		return Submitted{}, fmt.Errorf("submit: %w", err)
	}
	if err := s.foresee(ctx, batches); err != nil {
		return Submitted{}, fmt.Errorf("submit: %w", err)
	}
	if err := s.checkFleet(ctx, batches); err != nil {
		return Submitted{}, fmt.Errorf("submit: %w", err)
	}
	out := Submitted{IDs: make([]JobID, len(subs)), Replayed: true}
	for i, b := range batches {
		done, err := s.submitTogether(ctx, b)
		if err != nil {
			return Submitted{}, fmt.Errorf("submit: %w", err)
		}
		out.Replayed = out.Replayed && done.replayed
		for j, place := range places[i] {
			out.IDs[place] = done.ids[j]
		}
	}
	return out, nil
}

// submitBatch commits chunk after chunk, from where an earlier try ended.
func (s *Scheduler) submitBatch(ctx context.Context, b *batch) (committed, error) {
	all := committed{replayed: true}
	for len(all.ids) < len(b.items) {
		answers, err := s.submitChunk(ctx, b.chunk(all.ids))
		if err == nil {
			err = answers[0].err
		}
		if err != nil {
			return committed{}, err
		}
		all.ids, all.replayed = answers[0].ids, all.replayed && answers[0].replayed
	}
	return all, nil
}

// checkFleet refuses what can never run, each need once.
func (s *Scheduler) checkFleet(ctx context.Context, batches []*batch) error {
	seen := make(map[string]bool, 1)
	for _, b := range batches {
		for i := range b.items {
			it := &b.items[i]
			if seen[it.job.Class] {
				continue
			}
			seen[it.job.Class] = true
			if err := s.canRun(ctx, it.need, it.job.Class, b.who.Unix); err != nil {
				return err
			}
		}
	}
	return nil
}

// committed answers one part of a chunk: all ids so far, and whether it had been known.
type committed struct {
	ids      []JobID
	replayed bool
}

// Refusal is what a submit of this would be refused with now; nil: it would not.
func (s *Scheduler) Refusal(ctx context.Context, who Who, sub Submission) error {
	batches, _, err := newBatches(who, []Submission{sub}, "")
	if err != nil {
		return err
	}
	return s.checkFleet(ctx, batches)
}
