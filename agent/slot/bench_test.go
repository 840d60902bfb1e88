package slot_test

import (
	"slices"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
)

// BenchmarkNoOp is a grant, its go and its end, for a function that does
// nothing in a clean process: all that the slot adds to a job.
func BenchmarkNoOp(b *testing.B) { benchmarkNoOp(b) }

// BenchmarkNoOpHeld is the same with a control group for each job.
func BenchmarkNoOpHeld(b *testing.B) { benchmarkNoOp(b, in(held(b))) }

func benchmarkNoOp(b *testing.B, change ...func(*slot.Grant)) {
	bench := newBench(b)
	var forked, whole []time.Duration
	one := func(measure bool) {
		call := source(b, "def f(msg): return None", nil)
		g, lock := bench.lease(change...)
		began := time.Now()
		bench.send(g, lock)
		bench.await(slot.EventForked)
		atFork := time.Since(began)
		bench.begin(g, call)
		bench.await(slot.EventEnded)
		if measure {
			forked, whole = append(forked, atFork), append(whole, time.Since(began))
		}
		bench.done(g)
	}
	for range 5 {
		one(false)
	}
	for b.Loop() {
		one(true)
	}
	slices.Sort(forked)
	slices.Sort(whole)
	b.ReportMetric(float64(forked[len(forked)/2].Microseconds()), "µs-forked-p50")
	b.ReportMetric(float64(whole[len(whole)/2].Microseconds()), "µs-whole-p50")
	b.ReportMetric(float64(whole[len(whole)*99/100].Microseconds()), "µs-whole-p99")
}
