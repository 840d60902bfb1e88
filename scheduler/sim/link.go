package sim

import (
	"context"
	"errors"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// link is the way of one operation to the store.
type link struct {
	*Store
	w    *World
	op   string
	fate fate
}

// fate is what becomes of an operation's commits. One that has none to make, or whose
// commit changes nothing, is as if it was heard, and is not counted: the state is the same.
type fate string

const (
	heard    fate = ""                   // applied and answered
	delayed  fate = "delayed"            // on its way; nobody hears the answer
	repeated fate = "its answer is lost" // applied; the client sends it again and hears that answer
)

var errDelayed = errors.New("the commit is on its way")

func (l *link) Read(ctx context.Context, q store.Query) (store.Answer, error) {
	a, err := l.Store.Read(ctx, q)
	if err == nil && l.w.Tamper.Read != nil {
		l.w.Tamper.Read(l.op, q, &a)
	}
	return a, err
}

func (l *link) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	if l.w.Tamper.Commit != nil {
		l.w.Tamper.Commit(l.op, l.Store, &c)
	}
	switch l.fate {
	case delayed:
		l.w.used.Delays++
		l.w.pending = append(l.w.pending, pending{l.op, c})
		return store.Result{}, errDelayed
	case repeated:
		l.fate = heard
		r, err := l.Store.Commit(ctx, c)
		if err != nil {
			return r, err
		}
		if r.Conflict == store.NoConflict {
			l.w.used.Repeats++
		}
	}
	return l.Store.Commit(ctx, c)
}

// scheduler gives a scheduler whose operations go over a link of their own.
func (w *World) scheduler(op string, f fate) *scheduler.Scheduler {
	s, err := scheduler.New(&link{Store: w.store, w: w, op: op, fate: f}, scheduler.Options{Timing: w.Timing})
	if err != nil {
		panic(err)
	}
	return s
}
