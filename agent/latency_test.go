package agent_test

import (
	"slices"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// BenchmarkThereAndBack is submit → final state of a no-op on Redis, without HTTP.
func BenchmarkThereAndBack(b *testing.B) {
	w := newRedisWorld(b, 1, nil)
	w.start("h1", "cpu:1", nil)
	w.awaitState(w.submit(call("def f(msg):\n    pass", nil)), scheduler.Succeeded)
	p, err := submission.Parse(scheduler.MediaJSON, []byte(call("def f(msg):\n    pass", nil)))
	if err != nil {
		b.Fatal(err)
	}
	changes, err := w.sched.Changes(w.ctx)
	if err != nil {
		b.Fatal(err)
	}
	var queue, start, run []time.Duration
	for b.Loop() {
		done, err := w.sched.Submit(w.ctx, scheduler.Who{User: "ana"}, []scheduler.Submission{p.Submission}, "")
		if err != nil {
			b.Fatal(err)
		}
		awaitEnd(b, changes, done.IDs[0])
		b.StopTimer()
		job := w.awaitState(done.IDs[0], scheduler.Succeeded)
		a := job.Attempt()
		queue = append(queue, a.Claimed.Sub(job.QueuedAt))
		start = append(start, a.Started.Sub(a.Claimed))
		run = append(run, a.Ended.Sub(a.Started))
		b.StartTimer()
	}
	b.ReportMetric(median(queue), "queue-ms")
	b.ReportMetric(median(start), "start-ms")
	b.ReportMetric(median(run), "run-ms")
}

func median(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2]) / float64(time.Millisecond)
}

func awaitEnd(b *testing.B, changes <-chan scheduler.Change, id scheduler.JobID) {
	late := time.After(patience)
	for {
		select {
		case c := <-changes:
			if c.Job == id && c.State.Final() {
				return
			}
		case <-late:
			b.Fatalf("job %d does not end", id)
		}
	}
}
