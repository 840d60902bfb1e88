package storetest

import (
	"errors"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// add adds to counters under a guard of its own each time.
func (b *bench) add(mark string, effects ...store.Effect) {
	b.t.Helper()
	guards, put := once(mark)
	b.must(guards, append(effects, put)...)
}

func testCounters(t *testing.T, b *bench) {
	b.add("1", store.Add("c", 5), store.Add("c", -2), store.Add("d", -7))
	b.want(b.read(store.Query{Counters: []string{"c", "d", "e"}}).Counters, []int64{3, -7, 0})

	// A counter at 0 takes no space: its key is free for anything else.
	b.add("2", store.Add("c", -3))
	b.want(b.counter("c"), int64(0))
	b.must(nil, store.Put("c", []byte("free")))

	b.add("3", store.Add("big", store.MaxCounter), store.Add("small", -store.MaxCounter))
	b.want(b.counter("big"), int64(store.MaxCounter))
	b.want(b.counter("small"), int64(-store.MaxCounter))
	b.conflicts(0, store.AtMost("big", 1, store.MaxCounter))
	b.must([]store.Guard{store.AtMost("big", -1, store.MaxCounter-1), store.AtMost("small", store.MaxCounter, 0)})

	// Above the limit nothing of the commit is applied.
	guards, put := once("4")
	for _, e := range [][]store.Effect{
		{store.Add("big", 1)},
		{store.Add("small", -1)},
		{store.Add("e", 1), store.Add("e", store.MaxCounter), store.Add("e", -1)},
	} {
		_, err := b.Commit(b.ctx, store.Commit{Identity: b.identity, Guards: guards, Effects: append(e, put)})
		if !errors.Is(err, store.ErrTooLarge) {
			t.Fatalf("%v: %v, want ErrTooLarge", e, err)
		}
	}
	b.want(b.record("4"), store.Record{})
	b.want(b.counter("e"), int64(0))
}

func testAllocate(t *testing.T, b *bench) {
	first, identity, err := b.Allocate(b.ctx, "ids", 3)
	b.want([]any{first, identity, err}, []any{int64(1), b.identity, nil})
	first, _, _ = b.Allocate(b.ctx, "ids", 1)
	b.want(first, int64(4))
	b.want(b.counter("ids"), int64(4))

	// What Add did counts, so that a lost block is skipped by adding.
	b.add("skip", store.Add("ids", 1_000_000))
	first, _, _ = b.Allocate(b.ctx, "ids", 1)
	b.want(first, int64(1_000_005))

	b.add("negative", store.Add("below", -2))
	first, _, _ = b.Allocate(b.ctx, "below", 2)
	b.want(first, int64(-1))
	b.must(nil, store.Put("below", nil)) // at 0 it is gone

	for _, n := range []int64{0, -1, store.MaxCounter + 1} {
		if _, _, err := b.Allocate(b.ctx, "ids", n); err == nil {
			t.Fatalf("allocated a block of %d", n)
		}
	}
	b.want(b.counter("ids"), int64(1_000_005))
	if _, _, err := b.Allocate(b.ctx, "ids", store.MaxCounter); !errors.Is(err, store.ErrTooLarge) {
		t.Fatalf("allocated over the limit: %v", err)
	}
	if _, _, err := b.Allocate(b.ctx, "skip", 1); !errors.Is(err, store.ErrInvalid) {
		t.Fatalf("allocated from a record: %v", err)
	}
}
