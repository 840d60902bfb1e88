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

// answer is what came of one part of a chunk: an error is that part's alone.
type answer struct {
	committed
	err error
}

// Signals between a decision about a chunk and submitChunk.
var (
	errWritten = errors.New("this chunk is written") // the answer to its commit was lost
	errIDs     = errors.New("ids of another store")
)

// submitChunk commits a chunk's jobs and answers each of its parts. Any error but
// store.ErrUnavailable says that nothing of it is written, nor will be: where a
// try was not answered, it may be applied yet, whatever its repeat was told.
func (s *Scheduler) submitChunk(ctx context.Context, c *chunk) ([]answer, error) {
	answers, err := s.repeatChunk(ctx, c)
	if err != nil && c.unsure && !errors.Is(err, store.ErrUnavailable) {
		err = fmt.Errorf("jobs: %w: an earlier try was not answered", store.ErrUnavailable)
	}
	return answers, err
}

// repeatChunk tries until the ids are those of the store that is there. What may
// have been written under other ids is repeated only where its keys would tell.
func (s *Scheduler) repeatChunk(ctx context.Context, c *chunk) ([]answer, error) {
	if err := s.adoptOnce(ctx); err != nil {
		return nil, err
	}
	for range maxConflicts {
		answers, err := s.tryChunk(ctx, c)
		other, is := isOther(err)
		switch {
		case is && (!c.unsure || c.keyed()):
			s.relearn(c, other)
			continue
		case errors.Is(err, errIDs) && (!c.unsure || c.keyed()):
			continue
		case errors.Is(err, ErrHold):
			if err := s.adopt(ctx); err != nil {
				return nil, err
			}
			continue
		}
		return answers, err
	}
	return nil, ErrConflictRepeat
}

func (s *Scheduler) tryChunk(ctx context.Context, c *chunk) ([]answer, error) {
	if err := s.nameClasses(ctx, c); err != nil {
		return nil, err
	}
	first, identity, err := s.ids.take(ctx, s.store, int64(len(c.items)))
	if err != nil {
		return nil, err
	}
	c.first, c.identity = first, identity
	c.crowded, c.seen = s.crowded.Load(), s.fleet.picture()
	c.ahead = s.flight.enter(c)
	defer s.flight.leave(c)
	t := transition[[]answer]{name: "jobs", query: c.query(), unsure: &c.unsure}
	var decided []answer
	t.decide = func(f *facts) (plan[[]answer], error) {
		s.crowded.Store(len(f.members(keyIdle)) >= maxWakes)
		p, err := decideSubmit(f, c, s.opts.Timing)
		decided = p.value
		return p, err
	}
	done, err := run(ctx, s, t)
	switch {
	case errors.Is(err, errWritten):
		return decided, nil
	case errors.Is(err, errIDs):
		s.ids.drop(identity)
	}
	return done, err
}

func decideSubmit(f *facts, c *chunk, t Timing) (p plan[[]answer], err error) {
	if f.Identity != c.identity {
		return p, errIDs
	}
	epoch, err := f.epoch()
	if err != nil {
		return p, err
	}
	answers, fresh, err := c.split(f)
	p.value = answers
	if err != nil {
		return p, err
	}
	if len(fresh) == 0 {
		return p, nil
	}
	p.guardElse(store.Absent(keyJob(c.firstOf(fresh[0]))), errWritten)
	jobs, err := c.jobs(fresh, f, epoch.Epoch)
	if err != nil {
		return p, err
	}
	p.putJobs(jobs, c, f)
	p.follow(jobs, f)
	p.guardFunctions(jobs, f)
	for _, part := range fresh {
		p.keepKey(c, part, f, t)
	}
	p.limitQueued(fresh)
	return p, nil
}

// split answers the parts whose key says that they are committed, or was used
// for something else, and gives those that are to be written with the answers
// that they will have.
func (c *chunk) split(f *facts) (answers []answer, fresh []*part, err error) {
	answers = make([]answer, len(c.parts))
	for i := range c.parts {
		p := &c.parts[i]
		known, err := p.known(f)
		if err == nil && len(known) <= len(p.given) {
			err = p.seat(c, f)
		}
		_, other := isOther(err)
		switch {
		case other:
			return nil, nil, err
		case err != nil:
			answers[i].err = fmt.Errorf("jobs: %w", err)
		case len(known) > len(p.given):
			answers[i].committed = committed{ids: known, replayed: true}
		default:
			answers[i].committed = c.committed(p)
			fresh = append(fresh, p)
		}
	}
	return answers, fresh, nil
}

// quotaError says whose limit refuses a chunk.
type quotaError struct {
	user  string
	limit int
}

func (e *quotaError) Error() string {
	return fmt.Sprintf("%v: %s may have %d jobs waiting", ErrQuota, e.user, e.limit)
}

// Unwrap makes a quotaError an ErrQuota.
func (e *quotaError) Unwrap() error { return ErrQuota }

// limitQueued guards each user's limit of waiting jobs; where one user's parts
// say different limits, the lowest. A batch leaves room for what it has yet to
// commit: one that does not fit as a whole is refused with its first chunk.
func (d *draft) limitQueued(parts []*part) {
	type load struct{ jobs, later, limit int }
	loads := make(map[string]load, 1)
	for _, p := range parts {
		l := loads[p.who.User]
		l.jobs += p.to - p.from
		l.later += p.later()
		if most := p.who.MaxQueued; most > 0 && (l.limit == 0 || most < l.limit) {
			l.limit = most
		}
		loads[p.who.User] = l
	}
	for _, user := range sortedKeys(loads) {
		if l := loads[user]; l.limit > 0 {
			d.guardElse(store.AtMost(keyWaiting(user), int64(l.jobs), int64(l.limit-l.later)), &quotaError{user, l.limit})
		}
	}
}

// putJobs writes the chunk's jobs, like beside like, which a store can write
// at once. Counters are added up: it need not hear the same one five hundred times.
func (d *draft) putJobs(jobs []Job, c *chunk, f *facts) {
	total := place{counters: make(map[string]int64)}
	for i := range jobs {
		j := &jobs[i]
		d.effect(store.Put(keyJob(j.ID), encodeJob(j)), store.Put(keySpec(j.ID), c.spec(j.ID)))
		total.merge(placeOf(j))
	}
	d.listClasses(jobs)
	d.shift(place{}, total)
	for i := range jobs {
		d.effect(store.Append(keyEvents, encode(eventRecord{
			Job: jobs[i].ID, User: jobs[i].User, Kind: string(jobs[i].State), Text: jobs[i].awaitsText(), At: stamp(f.Now),
		}), keepEvents))
	}
	d.effect(store.Notify(topicChanges, changeValue(&jobs[len(jobs)-1])))
	d.wakeFor(jobs, f.members(keyIdle), c.seen)
}

// listClasses makes sure that the classes of the queued jobs are listed.
func (d *draft) listClasses(jobs []Job) {
	var seen []string
	for i := range jobs {
		j := &jobs[i]
		if j.State == Queued && !j.Shared && !slices.Contains(seen, j.Class) {
			seen = append(seen, j.Class)
			d.effect(store.Index(keyClasses, []byte(j.Class)))
		}
	}
}

func (p *place) merge(other place) {
	p.members = append(p.members, other.members...)
	for key, n := range other.counters {
		p.counters[key] += n
	}
}

// wakeFor wakes idle hosts for a chunk as for one job that wants all its devices.
func (d *draft) wakeFor(jobs []Job, idle [][]byte, seen picture) {
	all := Job{State: Scheduled}
	same := true
	for i := range jobs {
		if j := &jobs[i]; j.State == Queued {
			same = same && (all.Class == "" || all.Class == j.Class)
			all.State, all.Class = Queued, j.Class
			all.Devices += j.Devices
		}
	}
	if n, err := ParseNeed(all.Class); same && err == nil && len(idle) > 1 {
		idle = seen.smallest(n, all.Devices, idle)
	}
	d.wake(&all, idle)
}

// Refusal is what a submit of this would be refused with now; nil: it would not.
func (s *Scheduler) Refusal(ctx context.Context, who Who, sub Submission) error {
	batches, _, err := newBatches(who, []Submission{sub}, "")
	if err != nil {
		return err
	}
	return s.checkFleet(ctx, batches)
}
