package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/scheduler/store"
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
	if err := s.checkFleet(ctx, batches); err != nil {
		return Submitted{}, fmt.Errorf("submit: %w", err)
	}
	out := Submitted{IDs: make([]JobID, len(subs)), Replayed: true}
	for i, b := range batches {
		done, err := s.submitBatch(ctx, b)
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
		c, err := s.submitChunk(ctx, b, all.ids)
		if err != nil {
			return committed{}, err
		}
		all.ids, all.replayed = c.ids, all.replayed && c.replayed
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
			if err := s.canRun(ctx, it.need, b.who.Unix); err != nil {
				return err
			}
		}
	}
	return nil
}

// committed answers one chunk: all ids so far, and whether it had been known.
type committed struct {
	ids      []JobID
	replayed bool
}

// Signals between a decision about a chunk and submitChunk.
var (
	errWritten = errors.New("this chunk is written") // the answer to its commit was lost
	errIDs     = errors.New("ids of another store")
)

// submitChunk commits the jobs that follow those already given.
func (s *Scheduler) submitChunk(ctx context.Context, b *batch, given []JobID) (committed, error) {
	if err := s.adoptOnce(ctx); err != nil {
		return committed{}, err
	}
	for range maxConflicts {
		c, err := s.tryChunk(ctx, b, given)
		switch {
		case errors.Is(err, errIDs):
			continue
		case errors.Is(err, ErrHold):
			if err := s.adopt(ctx); err != nil {
				return committed{}, err
			}
			continue
		}
		return c, err
	}
	return committed{}, ErrConflictRepeat
}

func (s *Scheduler) tryChunk(ctx context.Context, b *batch, given []JobID) (committed, error) {
	c := b.chunk(len(given))
	if err := s.nameClasses(ctx, c); err != nil {
		return committed{}, err
	}
	first, identity, err := s.ids.take(ctx, s.store, int64(len(c.items)))
	if err != nil {
		return committed{}, err
	}
	c.first, c.identity, c.given = first, identity, given
	c.crowded = s.crowded.Load()
	c.ahead = s.flight.enter(c)
	defer s.flight.leave(c)
	t := transition[committed]{name: "jobs", query: c.query()}
	t.decide = func(f *facts) (plan[committed], error) {
		s.crowded.Store(len(f.members(keyIdle)) >= maxWakes)
		return decideSubmit(f, c, s.opts.Timing)
	}
	done, err := run(ctx, s, t)
	switch {
	case errors.Is(err, errWritten):
		return c.committed(), nil
	case errors.Is(err, errIDs):
		s.ids.drop(identity)
	}
	return done, err
}

func decideSubmit(f *facts, c *chunk, t Timing) (p plan[committed], err error) {
	if f.Identity != c.identity {
		return p, errIDs
	}
	epoch, err := f.epoch()
	if err != nil {
		return p, err
	}
	known, err := c.known(f)
	if err != nil {
		return p, err
	}
	if len(known) > len(c.given) {
		p.value = committed{ids: known, replayed: true}
		return p, nil
	}
	p.guardElse(store.Absent(keyJob(c.first)), errWritten)
	jobs, err := c.jobs(f, epoch.Epoch)
	if err != nil {
		return p, err
	}
	p.putJobs(jobs, c, f)
	p.follow(jobs, f)
	p.keepKeys(c, f, t)
	if limit := c.who.MaxQueued; limit > 0 {
		n := int64(len(jobs))
		p.guardElse(store.AtMost(keyWaiting(c.who.User), n, int64(limit)),
			fmt.Errorf("%w: %s may have %d jobs waiting", ErrQuota, c.who.User, limit))
	}
	p.value = c.committed()
	return p, nil
}

// putJobs writes the chunk's jobs. Counters are added up: the store need not
// hear the same one five hundred times.
func (d *draft) putJobs(jobs []Job, c *chunk, f *facts) {
	total := place{counters: make(map[string]int64)}
	var classes []string
	for i := range jobs {
		j := &jobs[i]
		d.effect(store.Put(keyJob(j.ID), encodeJob(j)), store.Put(keySpec(j.ID), c.items[i].spec))
		total.merge(placeOf(j))
		if j.State == Queued && !j.Shared && !slices.Contains(classes, j.Class) {
			classes = append(classes, j.Class)
			d.effect(store.Index(keyClasses, []byte(j.Class)))
		}
		d.effect(store.Append(keyEvents, encode(eventRecord{
			Job: j.ID, User: j.User, Kind: string(j.State), At: stamp(f.Now),
		}), keepEvents))
	}
	d.shift(place{}, total)
	d.effect(store.Notify(topicChanges, changeValue(&jobs[len(jobs)-1])))
	d.wakeFor(jobs, f.members(keyIdle))
}

func (p *place) merge(other place) {
	p.members = append(p.members, other.members...)
	for key, n := range other.counters {
		p.counters[key] += n
	}
}

// wakeFor wakes idle hosts for a chunk as for one job that wants all its devices.
func (d *draft) wakeFor(jobs []Job, idle [][]byte) {
	all := Job{State: Scheduled}
	for i := range jobs {
		if jobs[i].State == Queued {
			all.State = Queued
			all.Devices += jobs[i].Devices
		}
	}
	d.wake(&all, idle)
}
