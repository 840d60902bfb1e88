package storetest

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Differential makes the same random reads and commits on two new stores, and
// fails at the first answer in which they differ, or if their states do at the
// end. Times and identities are each store's own; all else must be equal,
// revisions and kinds of errors too. The same seed makes the same run.
func Differential(t *testing.T, a, b store.Store, seed uint64, ops int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	first, second := subject{a, identityOf(ctx, t, a)}, subject{b, identityOf(ctx, t, b)}
	g := newGenerator(seed)
	for i := range ops {
		op := g.next()
		one, other := both(ctx, op, first, second)
		if !reflect.DeepEqual(one, other) { // cmp explains, but takes its time
			t.Fatalf("seed %d, operation %d: %+v\nthe stores differ (-first +second):\n%s",
				seed, i, op, cmp.Diff(one, other))
		}
		g.learn(op, one)
	}
	g.requireVariety(t)
	one, other := both(ctx, operation{read: everything()}, first, second)
	if diff := cmp.Diff(one, other); diff != "" {
		t.Fatalf("seed %d: the states differ after %d operations (-first +second):\n%s", seed, ops, diff)
	}
	t.Logf("seed %d: %d reads, commits and allocations answered alike, and the states are equal: %v", seed, ops, g.seen)
}

// subject is one of the two stores.
type subject struct {
	store.Store
	identity string
}

func identityOf(ctx context.Context, t *testing.T, s store.Store) string {
	t.Helper()
	a, err := s.Read(ctx, store.Query{})
	if err != nil {
		t.Fatal(err)
	}
	return a.Identity
}

// operation is a read, a commit or an allocation.
type operation struct {
	read     *store.Query
	commit   *store.Commit
	stranger bool // the commit is under another identity
	allocate string
	n        int64
}

// outcome is what an operation gave, without what is each store's own.
type outcome struct {
	Answer   store.Answer
	Conflict int
	Revision uint64
	First    int64
	Error    string
}

// both makes an operation on both stores at once.
func both(ctx context.Context, op operation, a, b subject) (onA, onB outcome) {
	var wg sync.WaitGroup
	wg.Go(func() { onA = op.on(ctx, a) })
	onB = op.on(ctx, b)
	wg.Wait()
	return onA, onB
}

func (op operation) on(ctx context.Context, s subject) (o outcome) {
	var err error
	switch {
	case op.read != nil:
		o.Answer, err = s.Read(ctx, *op.read)
		o.Answer.Now, o.Answer.Identity = time.Time{}, ""
	case op.commit != nil:
		c := *op.commit
		if !op.stranger {
			c.Identity = s.identity
		}
		var r store.Result
		r, err = s.Commit(ctx, c)
		o.Conflict, o.Revision = r.Conflict, r.Revision
	default:
		o.First, _, err = s.Allocate(ctx, op.allocate, op.n)
	}
	o.Error = kindOf(err)
	return o
}

// kindOf is the sentinel of an error: the words beside it may differ.
func kindOf(err error) string {
	for _, sentinel := range []error{
		store.ErrUnavailable, store.ErrFull, store.ErrUnsafeRepeat, store.ErrTooLarge, store.ErrInvalid, store.ErrClosed,
	} {
		if errors.Is(err, sentinel) {
			return sentinel.Error()
		}
	}
	if err != nil {
		return "another error: " + err.Error()
	}
	return ""
}
