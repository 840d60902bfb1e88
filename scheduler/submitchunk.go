package scheduler

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// answer is what came of one part of a chunk: an error is that part's alone.
type answer struct {
	committed
	err error
}

// Signals between a decision about a chunk and submitChunk.
var (
	errWritten = errors.New("this chunk is written") // the answer to its commit was lost
	errIDs     = errors.New("ids of another store, or from before it was adopted")
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
	s.signChunk(c)
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
	if c.first < epoch.First {
		return p, errIDs
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
