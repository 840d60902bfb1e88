package agent_test

import (
	"slices"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/agent/agenttest"
	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// BenchmarkThereAndBack is submit → final state of a no-op, without HTTP where
// an agent has the store; "HTTPS" is an agent that asks a server under TLS, on
// the same store.
func BenchmarkThereAndBack(b *testing.B) {
	for _, c := range []struct {
		name  string
		open  func(testing.TB) *world
		https bool
	}{
		{"redis", func(b testing.TB) *world { return newRedisWorld(b, 1, nil) }, false},
		{"redis-HTTPS", func(b testing.TB) *world { return newRedisWorld(b, 1, nil) }, true},
		{"embedded", embeddedWorld, false},
		{"embedded-HTTPS", embeddedWorld, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := c.open(b)
			s := w.scheduler("h1")
			if c.https {
				s = agenttest.Serve(b, api.Options{Scheduler: w.sched, Store: w.store, Blobs: w.shelf.blobs}).Direct("h1")
			}
			thereAndBack(b, w, s)
		})
	}
}

func embeddedWorld(t testing.TB) *world {
	return (&world{t: t, store: openers["embedded"](t), scale: 1}).open()
}

func thereAndBack(b *testing.B, w *world, s agent.Scheduler) {
	b.Helper()
	w.start("h1", "cpu:1", func(o *agent.Options) { o.Scheduler = s })
	w.awaitState(w.submit(call("def f(msg):\n    pass", nil)), scheduler.Succeeded)
	p, err := submission.Parse(scheduler.MediaJSON, []byte(call("def f(msg):\n    pass", nil)))
	if err != nil {
		b.Fatal(err)
	}
	changes, err := w.sched.Changes(w.ctx)
	if err != nil {
		b.Fatal(err)
	}
	var total, queue, start, run []time.Duration
	for b.Loop() {
		began := time.Now()
		done, err := w.sched.Submit(w.ctx, scheduler.Who{User: "ana"}, []scheduler.Submission{p.Submission}, "")
		if err != nil {
			b.Fatal(err)
		}
		awaitEnd(b, changes, done.IDs[0])
		total = append(total, time.Since(began))
		b.StopTimer()
		job := w.awaitState(done.IDs[0], scheduler.Succeeded)
		a := job.Attempt()
		queue = append(queue, a.Claimed.Sub(job.QueuedAt))
		start = append(start, a.Started.Sub(a.Claimed))
		run = append(run, a.Ended.Sub(a.Started))
		b.StartTimer()
	}
	b.ReportMetric(median(total), "total-ms")
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
