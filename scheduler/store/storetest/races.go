package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/store"
)

const racers, laps = 8, 25

// testRaces: concurrent callers lose nothing and get nothing twice.
func testRaces(t *testing.T, b *bench) {
	b.must(nil, store.Put("n", []byte("0")))
	var mu sync.Mutex
	var numbers []int64
	race(func(racer int) {
		for range laps {
			b.increment()
			first, _, err := b.Allocate(b.ctx, "ids", 2)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			numbers = append(numbers, first, first+1)
			mu.Unlock()
		}
	})
	b.want(string(b.record("n").Value), fmt.Sprint(racers*laps))
	b.want(b.counter("sum"), int64(racers*laps))
	b.want(len(b.entries(store.LogRange{Log: "l", Limit: 1000})), racers*laps)
	slices.Sort(numbers)
	for i, n := range numbers {
		b.want(n, int64(i+1))
	}
	testQuota(b)
}

// testQuota: of many takers of a limited counter exactly limit get one.
func testQuota(b *bench) {
	const limit = 5
	var mu sync.Mutex
	taken := 0
	race(func(racer int) {
		mark, put := once(fmt.Sprint("taker ", racer))
		guards := append(slices.Clip(mark), store.AtMost("quota", 1, limit))
		if r := b.commit(guards, put, store.Add("quota", 1)); r.OK() {
			mu.Lock()
			taken++
			mu.Unlock()
		}
	})
	b.want(taken, limit)
	b.want(b.counter("quota"), int64(limit))
}

// increment adds 1 to a number in a record, as often as it takes.
func (b *bench) increment() {
	for {
		a, err := b.Read(b.ctx, store.Query{Keys: []string{"n"}})
		if err != nil {
			b.t.Error(err)
			return
		}
		n, _ := strconv.Atoi(string(a.Records[0].Value))
		r, err := b.Commit(b.ctx, store.Commit{
			Identity: a.Identity,
			Guards:   []store.Guard{store.At("n", a.Records[0].Version)},
			Effects: []store.Effect{
				store.Put("n", fmt.Append(nil, n+1)), store.Add("sum", 1), store.Append("l", nil, 1000),
			},
		})
		if err != nil || r.OK() {
			if err != nil {
				b.t.Error(err)
			}
			return
		}
	}
}

func race(run func(racer int)) { raceOf(racers, run) }

// raceOf runs n racers at once, and returns when all have ended.
func raceOf(n int, run func(racer int)) {
	var wg sync.WaitGroup
	for racer := range n {
		wg.Go(func() { run(racer) })
	}
	wg.Wait()
}

// testEnding: a context that has ended, and a store that is closed, say so.
func testEnding(t *testing.T, b *bench) {
	ended, cancel := context.WithCancel(b.ctx)
	cancel()
	for what, err := range b.callAll(ended) {
		if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s after its context: %v", what, err)
		}
	}
	b.want(b.record("k"), store.Record{})

	watched := b.watch(b.ctx, "t")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for range watched { // ends when it is closed
	}
	for what, err := range b.callAll(b.ctx) {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s after close: %v", what, err)
		}
	}
	if err := b.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

func (b *bench) callAll(ctx context.Context) map[string]error {
	_, read := b.Read(ctx, store.Query{Keys: []string{"k"}})
	_, commit := b.Commit(ctx, store.Commit{Identity: b.identity, Effects: []store.Effect{store.Put("k", nil)}})
	_, _, allocate := b.Allocate(ctx, "c", 1)
	errs := map[string]error{"read": read, "commit": commit, "allocate": allocate}
	if _, err := b.Watch(ctx, "t"); ctx.Err() == nil {
		errs["watch"] = err
	}
	return errs
}
