package agent_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// slowEnd has the store told of a job's end only when a test lets it.
type slowEnd struct {
	agent.Scheduler

	let  chan struct{}
	asks atomic.Int32
}

func (s *slowEnd) Finish(ctx context.Context, ref scheduler.LeaseRef, f scheduler.Finish) (scheduler.Job, error) {
	s.asks.Add(1)
	select {
	case <-s.let:
	case <-ctx.Done():
	}
	return s.Scheduler.Finish(ctx, ref, f)
}

// What a job leaves is gone before the store knows of the end, or a moment later:
// the next one waits for no poll.
func TestWhatIsDyingCostsNoPoll(t *testing.T) {
	w := newWorld(t, 1)
	p := newScripted(t, "GPU-A")
	s := &slowEnd{Scheduler: w.sched, let: make(chan struct{})}
	w.start("h1", "", func(o *agent.Options) { o.Provider, o.Scheduler = p, s })
	g := w.gate()
	dying := gpu.Process{PID: g.running(1), UID: -1, Name: "python", Memory: 6 << 30}
	p.used("GPU-A", dying)
	next := w.gate()
	g.open()
	w.until("the end", func() bool { return s.asks.Load() > 0 }, func() string { return "none" })
	w.looksSoon(p, 6)
	p.clean("GPU-A")
	w.looksSoon(p, 2)
	told := time.Now()
	close(s.let)
	second := next.running(1)
	if took := w.claimed(next.id, scheduler.Running).Sub(told); took > time.Second {
		t.Errorf("the next job waited %v for a clean device", took)
	}
	third := w.submit(call("def f(msg):\n    return msg", 3))
	dying.PID = second
	p.used("GPU-A", dying)
	next.open()
	w.awaitState(next.id, scheduler.Succeeded)
	w.looksSoon(p, 6)
	cleaned := time.Now()
	p.clean("GPU-A")
	if took := w.claimed(third, scheduler.Succeeded).Sub(cleaned); took > 1500*time.Millisecond {
		t.Errorf("the third job was claimed %v after the device was clean", took)
	}
}

func (w *world) claimed(id scheduler.JobID, s scheduler.State) time.Time {
	w.t.Helper()
	job := w.awaitState(id, s)
	return job.Attempt().Claimed
}

// looksSoon: as many looks at GPU-A, in less time than they have by their turn.
func (w *world) looksSoon(p *scripted, n int) {
	w.t.Helper()
	began, before := time.Now(), p.looked("GPU-A")
	w.until("looks", func() bool { return p.looked("GPU-A") >= before+n }, func() string { return "too few" })
	if took := time.Since(began); took > time.Duration(n)*time.Second {
		w.t.Errorf("%d looks took %v", n, took)
	}
}
