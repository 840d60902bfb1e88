package slot_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/internal/boottime"
	"github.com/mlq-dev/mlq/scheduler"
)

func TestSlotKilledInMidJob(t *testing.T) {
	b := newBench(t)
	g, pid := b.running(`
import mlq, os, time
def f(msg):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            mlq.context().update_progress(os.getpid())
            while True: time.sleep(3600)
        os._exit(0)
    while True: time.sleep(3600)
`)
	old := b.killSlot()
	if !processLives(pid) {
		t.Log("the daemon died with the slot")
	}
	b.start()
	s := b.client.State()
	if s.PID == old || s.Attempt == nil || s.Attempt.Fence != g.Fence || s.Ended == nil {
		t.Fatalf("state %+v", s)
	}
	if s.Attempt.Token != "" || s.Attempt.Vars != nil {
		t.Error("secrets were kept on disk")
	}
	expect(t, s.Ended, scheduler.OutcomeLost, "", "the slot process that ran it was killed")
	if processLives(pid) || !b.free() {
		t.Errorf("daemon lives %v, device free %v", processLives(pid), b.free())
	}
	b.done(g)
	expect(t, b.run(source(t, "def f(msg): return 1", 1)), scheduler.OutcomeSucceeded, "", "")
}

func TestAgentLostAndRegained(t *testing.T) {
	b := newBench(t)
	stop := filepath.Join(b.dir, "stop")
	g := b.grant()
	b.begin(g, source(t, "import mlq, os, time\ndef f(msg):\n    mlq.context().update_progress(1)\n    while not os.path.exists(msg): time.sleep(0.01)\n    return 7", stop))
	b.await(slot.EventProgress)
	b.client.Close()
	b.reconnect()
	s := b.client.State()
	if s.Attempt == nil || s.Attempt.Fence != g.Fence || !s.Running || s.Ended != nil {
		t.Fatalf("state %+v", s)
	}
	if err := os.WriteFile(stop, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, b.await(slot.EventEnded).Ended, scheduler.OutcomeSucceeded, "", "")
	b.client.Close()
	b.reconnect()
	if s := b.client.State(); s.Ended == nil || s.Ended.Outcome != scheduler.OutcomeSucceeded {
		t.Fatalf("the end was not kept for the next agent: %+v", s)
	}
}

func TestDeadlineWithoutAnAgent(t *testing.T) {
	b := newBench(t, func(o *slot.Options) {
		o.TermBefore, o.KillBefore, o.WatchEvery = 400*time.Millisecond, 200*time.Millisecond, 20*time.Millisecond
	})
	g, pid := b.running(waits)
	if err := b.client.Extend(g.Ref(), boottime.Now()+time.Second); err != nil { // earlier: ignored
		t.Fatal(err)
	}
	b.client.Close()
	if !processLives(pid) {
		t.Fatal("it died too early")
	}
	b.reconnect()
	if err := b.client.Revoke(g.Ref()); err != nil {
		t.Fatal(err)
	}
	b.await(slot.EventEnded)
	b.done(g)
	_, pid = b.running(waits, func(g *slot.Grant) { g.Deadline = boottime.Now() + 2*time.Second })
	b.client.Close()
	eventually(t, "the deadline to pass", func() bool { return !processLives(pid) })
	eventually(t, "the device to be free", b.free)
	b.reconnect()
	eventually(t, "the end to be written", func() bool { b.client.Close(); b.reconnect(); return b.client.State().Ended != nil })
	expect(t, b.client.State().Ended, scheduler.OutcomeLost, "", "could not be renewed")
}
