package scheduler

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// A transition is one change of the shared state: what it reads, and a pure
// function that decides from the answer. decide gives a plan or refuses with
// one of the sentinels; it must recognise its own earlier success in what it
// reads (a replay), because the answer of a commit can be lost.
type transition[T any] struct {
	name   string
	query  store.Query
	decide func(f *facts) (plan[T], error)
	// patient transitions (those of agents) repeat what the store did not
	// answer; the others tell their caller at once.
	patient bool
	// freeing transitions end something, or keep alive what runs, servers too: a full
	// store is to apply them too (store.Commit), or it would cost results.
	freeing bool
	// recalls names the job whose record is all that the query reads: it may
	// be recalled instead. remembers names the job to keep for that. 0: none.
	recalls, remembers JobID
	// unsure is set, where it is not nil, when a commit was not answered: it may
	// be applied later, whatever the repeat is told.
	unsure *bool
}

// plan is what a transition decided: a commit, unless nothing is left to do.
type plan[T any] struct {
	draft
	value T
}

// Bounds of the runner.
const (
	maxConflicts   = 32
	impatientTries = 2
	patientTries   = 6
	firstPause     = 20 * time.Millisecond
	lastPause      = 640 * time.Millisecond
)

// run reads, decides and commits, and starts over when the store changed in
// between. On another identity nothing of the earlier read survives either.
func run[T any](ctx context.Context, s *Scheduler, t transition[T]) (T, error) {
	var none T
	for range maxConflicts {
		f, p, err := t.propose(ctx, s)
		if err != nil {
			return none, fmt.Errorf("%s: %w", t.name, err)
		}
		if len(p.effects) == 0 {
			return p.value, nil
		}
		c := p.commit(f.Identity)
		c.Freeing = t.freeing
		res, err := t.commit(ctx, s.store, c)
		if err != nil {
			return none, fmt.Errorf("%s: %w", t.name, err)
		}
		if res.OK() {
			if t.remembers != 0 {
				s.recalls.keep(t.remembers, c, res)
			}
			return p.value, nil
		}
		if refusal := p.refusals[res.Conflict]; refusal != nil {
			return none, fmt.Errorf("%s: %w", t.name, refusal)
		}
	}
	return none, fmt.Errorf("%s: %w", t.name, ErrConflictRepeat)
}

// propose decides from what is recalled where that leads to a commit, else
// from what is read.
func (t transition[T]) propose(ctx context.Context, s *Scheduler) (*facts, plan[T], error) {
	if t.recalls != 0 {
		if a, ok := s.recalls.take(t.recalls); ok {
			f := newFacts(t.query, a)
			if p, err := t.decide(f); err == nil && len(p.effects) > 0 {
				return f, p, nil
			}
		}
	}
	f, err := t.read(ctx, s.store)
	if err != nil {
		return nil, plan[T]{}, err
	}
	p, err := t.decide(f)
	s.damage.tellRecords(&s.opts.Log, f)
	return f, p, err
}

func (t transition[T]) read(ctx context.Context, st store.Store) (*facts, error) {
	a, err := persist(ctx, t.tries(), func() (store.Answer, error) { return st.Read(ctx, t.query) })
	if err != nil {
		return nil, err
	}
	return newFacts(t.query, a), nil
}

// commit repeats the very same commit when its outcome is unknown: the store
// answers conflict if it was applied, and the next read shows who won.
func (t transition[T]) commit(ctx context.Context, st store.Store, c store.Commit) (store.Result, error) {
	return persist(ctx, t.tries(), func() (store.Result, error) {
		r, err := st.Commit(ctx, c)
		if t.unsure != nil && errors.Is(err, store.ErrUnavailable) {
			*t.unsure = true
		}
		return r, err
	})
}

func (t transition[T]) tries() int {
	if t.patient {
		return patientTries
	}
	return impatientTries
}

// persist calls f until it answers, at most so often, with growing pauses.
func persist[T any](ctx context.Context, tries int, f func() (T, error)) (T, error) {
	pause := firstPause
	for {
		v, err := f()
		tries--
		if err == nil || tries == 0 || ctx.Err() != nil || !errors.Is(err, store.ErrUnavailable) {
			return v, err
		}
		if !wait(ctx, pause/2+rand.N(pause)) {
			return v, err
		}
		pause = min(2*pause, lastPause)
	}
}

// wait reports whether the time passed before ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
