package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

func place(i int) (index, counter string) {
	return fmt.Sprint("live:place", i%places), fmt.Sprint("live:count", i%places)
}

// testOneMoment: a copy that was taken while others commit is what the store was
// at one moment, with all that was acknowledged before.
func testOneMoment(t *testing.T, from, to *bench) {
	fill(from)
	ctx, stop := context.WithCancel(from.ctx)
	var moved atomic.Int64
	var wg sync.WaitGroup
	for n := range tokens {
		wg.Go(func() { move(ctx, from, n, &moved) })
	}
	awaitMoves(t, &moved, tokens)
	before := from.record("spec:token0")
	revision, ops := from.snapshot()
	stop()
	wg.Wait()
	to.restore(revision, ops)
	checkPlaces(to)
	checkAcknowledged(to, before)
}

func fill(b *bench) {
	effects := []store.Effect{store.Put("agent:old", []byte("there"))}
	for n := range tokens {
		index, counter := place(n)
		effects = append(effects, store.Put(fmt.Sprint("spec:token", n), fmt.Append(nil, n)),
			store.Index(index, fmt.Append(nil, n)), store.Add(counter, 1))
	}
	for n := range 3000 { // so that a copy takes a while
		effects = append(effects, store.Put(fmt.Sprint("spec:ballast", n), make([]byte, 100)))
	}
	guards, once := once("once")
	b.must(guards, append(effects, once)...)
}

// move moves one token on until ctx ends.
func move(ctx context.Context, b *bench, n int, moved *atomic.Int64) {
	key := fmt.Sprint("spec:token", n)
	for at := n; ctx.Err() == nil; at++ {
		a, err := b.Read(ctx, store.Query{Keys: []string{key}})
		if err != nil {
			return
		}
		id, _, err := b.Allocate(ctx, "spec:ids", 1)
		if err != nil {
			return
		}
		from, fromCount := place(at)
		to, toCount := place(at + 1)
		member := fmt.Append(nil, n)
		r, err := b.Commit(ctx, store.Commit{Identity: b.identity, Guards: []store.Guard{store.At(key, a.Records[0].Version)}, Effects: []store.Effect{
			store.Put(key, fmt.Append(nil, at+1)), store.Put(fmt.Sprint("spec:made", id%512), fmt.Append(nil, id)),
			store.Unindex(from, member), store.Add(fromCount, -1), store.Index(to, member), store.Add(toCount, 1),
			store.Append("live:log", fmt.Append(nil, id), 50), store.Notify("live:changes", member),
		}})
		if err != nil || !r.OK() {
			return
		}
		moved.Add(1)
	}
}

func awaitMoves(t *testing.T, moved *atomic.Int64, n int64) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.After(30 * time.Second); moved.Load() < n; {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("nothing moves")
		}
	}
}

// checkPlaces: each token is listed where its record says, and nowhere else, and
// all is counted.
func checkPlaces(b *bench) {
	b.t.Helper()
	for i := range places {
		index, counter := place(i)
		if members := b.members(index); int64(len(members)) != b.counter(counter) {
			b.t.Errorf("%s: %d members, counted %d", index, len(members), b.counter(counter))
		}
	}
	for n := range tokens {
		var at int
		if err := json.Unmarshal(b.record(fmt.Sprint("spec:token", n)).Value, &at); err != nil {
			b.t.Fatal(err)
		}
		for i := range places {
			index, _ := place(i)
			listed := b.read(store.Query{Counts: []store.Count{{Index: index, From: fmt.Append(nil, n), To: append(fmt.Append(nil, n), 0)}}}).Counts[0] == 1
			if listed != (at%places == i) {
				b.t.Errorf("token %d is at %d, listed in %s: %v", n, at%places, index, listed)
			}
		}
	}
}

// checkAcknowledged: what was there before is there, later or not; the log is as
// long as it may be, and no id in use is above the counter.
func checkAcknowledged(b *bench, before store.Record) {
	b.t.Helper()
	b.want(string(b.record("agent:old").Value), "there")
	var was, is int
	must(b.t, json.Unmarshal(before.Value, &was))
	must(b.t, json.Unmarshal(b.record("spec:token0").Value, &is))
	if is < was {
		b.t.Errorf("token 0 is at %d, and was at %d before the snapshot", is, was)
	}
	entries := b.entries(store.LogRange{Log: "live:log", Limit: 1000})
	if len(entries) > 50 || len(entries) < 40 {
		b.t.Errorf("the log has %d entries", len(entries))
	}
	highest := b.counter("spec:ids")
	for i := range 512 {
		r := b.record(fmt.Sprint("spec:made", i))
		var id int64
		if r.Version != 0 {
			must(b.t, json.Unmarshal(r.Value, &id))
		}
		if id > highest {
			b.t.Errorf("id %d was used, the counter says %d", id, highest)
		}
	}
}
