// Package storetest is the store's contract as tests: one suite that every
// implementation passes (Run), a random comparison of two implementations
// (Differential), and a store that loses answers, for the tests of others
// (Faulty).
package storetest

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Run runs the contract. open gives a new, empty store each time, which it
// closes with the test.
func Run(t *testing.T, open func(t testing.TB) store.Store) {
	for name, contract := range map[string]func(*testing.T, *bench){
		"guards":   testGuards,
		"effects":  testEffects,
		"ranges":   testRanges,
		"counters": testCounters,
		"logs":     testLogs,
		"repeats":  testRepeats,
		"repeat":   testAnyRepeat,
		"clock":    testClock,
		"refusals": testRefusals,
		"limits":   testLimits,
		"kinds":    testKinds,
		"expiry":   testExpiry,
		"allocate": testAllocate,
		"notices":  testNotices,
		"races":    testRaces,
		"ending":   testEnding,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			contract(t, newBench(t, open(t)))
		})
	}
}

// bench is a store with a test that talks to it.
type bench struct {
	store.Store
	t        testing.TB
	ctx      context.Context
	identity string
}

func newBench(t testing.TB, s store.Store) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	b := &bench{Store: s, t: t, ctx: ctx}
	b.identity = b.read(store.Query{}).Identity
	return b
}

// read reads, and fails the test where the store does not answer.
func (b *bench) read(q store.Query) store.Answer {
	b.t.Helper()
	a, err := b.Read(b.ctx, q)
	if err != nil {
		b.t.Fatalf("read: %v", err)
	}
	return a
}

// commit commits under the store's identity.
func (b *bench) commit(guards []store.Guard, effects ...store.Effect) store.Result {
	b.t.Helper()
	r, err := b.Commit(b.ctx, store.Commit{Identity: b.identity, Guards: guards, Effects: effects})
	if err != nil {
		b.t.Fatalf("commit: %v", err)
	}
	return r
}

// must commits what has to be applied, and gives its revision.
func (b *bench) must(guards []store.Guard, effects ...store.Effect) uint64 {
	b.t.Helper()
	r := b.commit(guards, effects...)
	if !r.OK() {
		b.t.Fatalf("commit: conflict %d", r.Conflict)
	}
	return r.Revision
}

// conflicts commits what has to be refused by the guard at index.
func (b *bench) conflicts(index int, guards ...store.Guard) {
	b.t.Helper()
	if r := b.commit(guards, store.Put("never", nil)); r.Conflict != index {
		b.t.Fatalf("conflict %d, want %d", r.Conflict, index)
	}
	b.want(b.record("never"), store.Record{})
}

func (b *bench) record(key string) store.Record {
	b.t.Helper()
	return b.read(store.Query{Keys: []string{key}}).Records[0]
}

func (b *bench) counter(key string) int64 {
	b.t.Helper()
	return b.read(store.Query{Counters: []string{key}}).Counters[0]
}

// members reads a whole index as strings.
func (b *bench) members(index string) []string {
	b.t.Helper()
	return b.ranged(store.Range{Index: index, Limit: 1000})
}

func (b *bench) ranged(r store.Range) (out []string) {
	b.t.Helper()
	for _, m := range b.read(store.Query{Ranges: []store.Range{r}}).Ranges[0] {
		out = append(out, string(m))
	}
	return out
}

func (b *bench) entries(r store.LogRange) []store.Entry {
	b.t.Helper()
	return b.read(store.Query{Logs: []store.LogRange{r}}).Logs[0]
}

func (b *bench) want(got, want any) {
	b.t.Helper()
	if !reflect.DeepEqual(want, got) { // cmp explains, but takes its time
		b.t.Fatalf("not as wanted (-want +got):\n%s", cmp.Diff(want, got))
	}
}

// once is the guard of a commit that must not be repeated: key is new.
func once(key string) ([]store.Guard, store.Effect) {
	return []store.Guard{store.Absent(key)}, store.Put(key, nil)
}
