package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// A submit costs a read and a commit, of which the jobs themselves are the
// smaller part. So single jobs that are submitted while others are being
// committed wait for that, and then share one read and one commit. Who is alone
// goes at once and waits for nobody.
const (
	// maxTrips is how many such commits are under way at once: one is prepared
	// while the store makes the other. More would only make them smaller.
	maxTrips  = 2
	tripBytes = 1 << 20 // of specs, after which nobody else is taken along
)

// rider is a submit of one job that may share a commit.
type rider struct {
	batch  *batch
	answer answer        // by whoever led, before told
	told   chan []*rider // a group to lead, the rider first in it; or nil: the answer is there
}

// errAlone is the answer to a rider whose group was refused, with nothing
// written: only alone it is refused for nobody else's sake.
var errAlone = errors.New("submit alone")

// boarding is where riders wait while others are under way.
type boarding struct {
	mu      sync.Mutex
	trips   int // under way
	waiting []*rider
}

// submitTogether is submitBatch, shared where that can be: several jobs are a
// commit of their own, and what follows other jobs can fail by itself.
func (s *Scheduler) submitTogether(ctx context.Context, b *batch) (committed, error) {
	if len(b.items) > 1 || len(b.items[0].job.After) > 0 {
		return s.submitBatch(ctx, b)
	}
	r := &rider{batch: b, told: make(chan []*rider, 1)}
	if s.queue.enter(r) {
		defer s.queue.leave()
		return s.submitBatch(ctx, b)
	}
	select {
	case group := <-r.told:
		s.lead(ctx, group)
	case <-ctx.Done():
		s.abandon(ctx, r)
		return committed{}, fmt.Errorf("jobs: %w: %w", store.ErrUnavailable, ctx.Err())
	}
	if errors.Is(r.answer.err, errAlone) {
		return s.submitBatch(ctx, b)
	}
	return r.answer.committed, r.answer.err
}

// enter reports whether the rider may go at once; else it is told later.
func (q *boarding) enter(r *rider) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.trips < maxTrips {
		q.trips++
		return true
	}
	q.waiting = append(q.waiting, r)
	return false
}

// leave ends a trip. Those who wait make the next one, led by the first of them.
func (q *boarding) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.trips--
		return
	}
	group := q.take()
	group[0].told <- group
}

// take takes the riders of the next commit, in order. Of those with one key only
// the first: the others find its traces.
func (q *boarding) take() []*rider {
	var group, rest []*rider
	keys, bytes := make(map[[2]string]bool), 0
	for _, r := range q.waiting {
		key := [2]string{r.batch.who.User, r.batch.scope + r.batch.key}
		size := len(r.batch.items[0].spec.Body)
		full := len(group) == chunkJobs || len(group) > 0 && bytes+size > tripBytes
		if full || r.batch.key != "" && keys[key] {
			rest = append(rest, r)
			continue
		}
		keys[key] = true
		bytes += size
		group = append(group, r)
	}
	q.waiting = rest
	return group
}

// abandon takes out a rider whose context has ended. One that is under way may
// be committed yet; one that is to lead still does, for the others.
func (s *Scheduler) abandon(ctx context.Context, r *rider) {
	s.queue.remove(r)
	select {
	case group := <-r.told:
		s.lead(ctx, group)
	default:
	}
}

func (q *boarding) remove(r *rider) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = slices.DeleteFunc(q.waiting, func(other *rider) bool { return other == r })
}

// lead commits a group, of which the caller is the first. No group: somebody
// else has led, and the answer is there.
func (s *Scheduler) lead(ctx context.Context, group []*rider) {
	switch len(group) {
	case 0:
	case 1:
		defer s.queue.leave()
		r := group[0]
		r.answer.committed, r.answer.err = s.submitBatch(ctx, r.batch)
	default:
		s.leadOthers(ctx, group)
	}
}

// leadOthers makes a commit that is not one caller's: none can end it, and
// whatever happens, even a panic, all hear of it.
func (s *Scheduler) leadOthers(ctx context.Context, group []*rider) {
	defer func() {
		s.queue.leave()
		for _, r := range group[1:] {
			r.told <- nil
		}
	}()
	for _, r := range group {
		r.answer.err = fmt.Errorf("jobs: %w: a shared commit broke off", store.ErrUnavailable)
	}
	s.commitGroup(context.WithoutCancel(ctx), group)
}

// commitGroup answers all riders of a group. Where a user's limit refuses the
// commit, that user's riders go alone, and the others together once more.
func (s *Scheduler) commitGroup(ctx context.Context, group []*rider) {
	for len(group) > 1 {
		c := &chunk{}
		for _, r := range group {
			c.add(r.batch, 0, 1, nil)
		}
		answers, err := s.submitChunk(ctx, c)
		if err == nil {
			for i, r := range group {
				r.answer = answers[i]
			}
			return
		}
		group = refuse(group, err)
	}
	for _, r := range group {
		r.answer.err = errAlone
	}
}

// refuse answers those whose commit together came to nothing, and gives those
// who may try again together. As long as it may be applied yet, nobody may.
func refuse(group []*rider, err error) (again []*rider) {
	quota, byQuota := errors.AsType[*quotaError](err)
	for _, r := range group {
		switch {
		case errors.Is(err, store.ErrUnavailable):
			r.answer.err = err
		case byQuota && r.batch.who.User != quota.user:
			again = append(again, r)
		default:
			r.answer.err = errAlone
		}
	}
	return again
}
