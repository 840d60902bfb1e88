package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// notify sends notices in a commit of its own.
func (b *bench) notify(mark string, notices ...store.Effect) {
	b.t.Helper()
	b.add(mark, notices...)
}

// next waits for a notice.
func (b *bench) next(ch <-chan store.Notice) store.Notice {
	b.t.Helper()
	select {
	case n, ok := <-ch:
		if !ok {
			b.t.Fatal("watch ended")
		}
		return n
	case <-b.ctx.Done():
		b.t.Fatal("no notice came")
	}
	panic("unreachable")
}

func (b *bench) watch(ctx context.Context, topics ...string) <-chan store.Notice {
	b.t.Helper()
	ch, err := b.Watch(ctx, topics...)
	if err != nil {
		b.t.Fatalf("watch: %v", err)
	}
	return ch
}

func testNotices(t *testing.T, b *bench) {
	both, one := b.watch(b.ctx, "x", "y", "x"), b.watch(b.ctx, "x")
	b.notify("1", store.Notify("x", []byte("\x00\xff")), store.Notify("z", nil), store.Notify("y", []byte{}))
	b.want(b.next(both), store.Notice{Topic: "x", Value: []byte("\x00\xff")})
	b.want(b.next(both), store.Notice{Topic: "y", Value: []byte{}})
	b.want(b.next(one), store.Notice{Topic: "x", Value: []byte("\x00\xff")})

	// A commit that is not applied tells nobody.
	b.conflicts(0, store.Absent("1"))
	guards, put := once("1")
	b.commit(guards, put, store.Notify("x", []byte("refused")))
	b.notify("2", store.Notify("x", []byte("2")))
	b.want(b.next(one), store.Notice{Topic: "x", Value: []byte("2")})

	testWatchEnds(b)
	testOverflow(b)
}

// testWatchEnds: its channel closes with its context, and its topic can be
// watched again.
func testWatchEnds(b *bench) {
	for i := range 3 {
		ctx, cancel := context.WithCancel(b.ctx)
		ch := b.watch(ctx, "w")
		b.notify(fmt.Sprint("w", i), store.Notify("w", nil))
		b.next(ch)
		cancel()
		for range ch { // ends when it is closed
		}
	}
}

// testOverflow: who does not read loses notices, and is told; nobody waits.
func testOverflow(b *bench) {
	slow, quick := b.watch(b.ctx, "o"), b.watch(b.ctx, "o")
	const notices = 2000
	for i := range notices / 100 {
		burst := make([]store.Effect, 100)
		for j := range burst {
			burst[j] = store.Notify("o", fmt.Append(nil, i*100+j))
		}
		b.notify(fmt.Sprint("o", i), burst...)
		for range burst {
			b.next(quick)
		}
	}
	got := 0
	for n := b.next(slow); !n.Lost; n = b.next(slow) {
		b.want(n.Value, fmt.Append(nil, got)) // in order until the loss
		got++
	}
	if got == notices {
		b.t.Fatal("nothing was lost, so this test has tested nothing")
	}
}
