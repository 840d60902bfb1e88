package storetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Benchmark measures what the scheduler does most: reads of a few records, and
// commits of the size of a submit, from one caller and from 64.
func Benchmark(b *testing.B, open func(t testing.TB) store.Store) {
	b.Run("read", func(b *testing.B) { benchmarkRead(b, open(b)) })
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("commit/callers=%d", callers), func(b *testing.B) {
			benchmarkCommit(b, open(b), callers)
		})
	}
}

func benchmarkRead(b *testing.B, s store.Store) {
	w := newBench(b, s)
	w.must(nil, store.Put("a", make([]byte, 300)), store.Put("b", make([]byte, 300)), store.Put("c", nil))
	q := store.Query{Keys: []string{"a", "b", "c"}}
	b.ReportAllocs()
	for b.Loop() {
		w.read(q)
	}
}

// benchmarkCommit lets callers work off b.N submits together.
func benchmarkCommit(b *testing.B, s store.Store, callers int) {
	identity := newBench(b, s).identity
	var next atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	raceOf(callers, func(int) {
		for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
			if r, err := s.Commit(context.Background(), submission(identity, n)); err != nil || !r.OK() {
				b.Errorf("commit: %+v, %v", r, err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

// submission is a commit as a submit makes it.
func submission(identity string, n int64) store.Commit {
	job := fmt.Sprintf("live:job:%d", n)
	return store.Commit{
		Identity: identity,
		Guards:   []store.Guard{store.Absent(job)},
		Effects: []store.Effect{
			store.Put(job, make([]byte, 300)),
			store.Put(fmt.Sprintf("spec:job:%d", n), make([]byte, 300)),
			store.Index("live:queued", fmt.Appendf(nil, "%012d", n)),
			store.Add("live:count", 1),
			store.Notify("work", nil),
		},
	}
}
