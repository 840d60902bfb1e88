package agent_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

func TestRedisRestartsInMidJob(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	w := newRedisWorld(t, 10, server)
	w.start("h1", "cpu:1", nil)
	g := w.gate()
	pid := g.running(1)
	waits := w.submit(call("def f(msg):\n    return msg", 2))
	server.Kill(t)
	server.Restart(t)
	w.until("the host to be renewed after the restart", func() bool {
		hosts, err := w.sched.Hosts(w.ctx)
		now, err2 := w.sched.Now(w.ctx)
		return err == nil && err2 == nil && len(hosts) == 1 && now.Sub(hosts[0].Renewed) < time.Second
	}, func() string { return "it is not" })
	why, err := w.sched.Why(w.ctx, waits, scheduler.Shown{})
	if err != nil || !slices.ContainsFunc(why.Reasons, func(r scheduler.WhyReason) bool { return r.Code == "hold-off" }) {
		t.Errorf("why it waits: %+v, %v", why.Reasons, err)
	}
	g.open()
	if got := w.value(g.id); got != strconv.Itoa(pid) {
		t.Errorf("result of process %s, want %d", got, pid)
	}
	w.handedOn()
	if got := w.value(waits); got != "2" {
		t.Errorf("the job that waited gave %s", got)
	}
}

// The answers of all commits get lost now and then: nothing may run twice.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	st := &storetest.Faulty{Store: w.store, Inject: storetest.Random(7, 6)}
	s, err := scheduler.New(st, w.schedulerOptions())
	if err != nil {
		t.Fatal(err)
	}
	w.start("h1", "cpu:2", func(o *agent.Options) { o.Scheduler = s })
	dir := t.TempDir()
	source := "import os\ndef f(path):\n    open(path, 'a').write('x')\n    return path"
	var ids []scheduler.JobID
	for i := range 20 {
		ids = append(ids, w.submit(call(source, filepath.Join(dir, strconv.Itoa(i)))))
	}
	for i, id := range ids {
		w.awaitState(id, scheduler.Succeeded)
		if b, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(i))); err != nil || string(b) != "x" {
			t.Errorf("job %d ran %d times, %v", id, len(b), err)
		}
	}
}

// The lease moves on while the job ends: what the old attempt brings is thrown away.
func TestStaleFinish(t *testing.T) { bothWays(t, 1, testStaleFinish) }

func testStaleFinish(t *testing.T, w *world) {
	w.start("h1", "cpu:1", nil)
	g := w.gate()
	old := g.running(1)
	job := w.awaitState(g.id, scheduler.Running)
	ref := scheduler.LeaseRef{Job: g.id, Fence: job.Attempt().Fence}
	if err := w.sched.Release(w.ctx, ref, "the test says so"); err != nil {
		t.Fatal(err)
	}
	g.open()
	g.gone(old)
	w.start("h2", "cpu:1", nil)
	got := w.value(g.id)
	if again := g.running(2); got != strconv.Itoa(again) || again == old {
		t.Errorf("result of process %s, want %d, not %d", got, again, old)
	}
	job = w.awaitState(g.id, scheduler.Succeeded)
	if len(job.Attempts) != 2 || job.Attempts[0].Outcome != scheduler.OutcomeReleased {
		t.Errorf("attempts %+v", job.Attempts)
	}
	w.told(job.Attempts[0].Cause, "the test says so")
}

// A store that cannot be reached for longer than the belief: the slot kills the
// job by itself, and the job runs again when the store is back.
func TestStoreAwayForTooLong(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	w := newRedisWorld(t, 10, server)
	w.start("h1", "cpu:1", nil)
	g := w.gate()
	pid := g.running(1)
	server.Pause(t)
	g.gone(pid)
	server.Resume(t)
	again := g.running(2)
	g.open()
	if got := w.value(g.id); got != strconv.Itoa(again) {
		t.Errorf("result of process %s, want %d", got, again)
	}
}
