package slot_test

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

func TestCancelRaisesInTheJob(t *testing.T) {
	b := newBench(t)
	g, pid := b.running(`
import mlq, os, time
def f(msg):
    try:
        mlq.context().update_progress(os.getpid())
        while True: time.sleep(3600)
    except mlq.Cancelled:
        print("saved")
        raise
`)
	ended := b.cancel(g, slot.Stop{Outcome: scheduler.OutcomeCancelled, Why: "cancelled by ana", Grace: 20 * time.Second})
	expect(t, ended, scheduler.OutcomeCancelled, "", "cancelled by ana")
	if logOf(t, ended) != "saved\n" || processLives(pid) || !b.free() {
		t.Errorf("log %q, lives %v", logOf(t, ended), processLives(pid))
	}
}

func TestCancelBeforeTheCall(t *testing.T) {
	b := newBench(t)
	g := b.grant()
	ended := b.cancel(g, slot.Stop{Why: "cancelled by ana", Grace: -1})
	expect(t, ended, scheduler.OutcomeCancelled, "", "cancelled by ana")
	if ended.Started {
		t.Error("it never started")
	}
}

func TestCancelOfAJobThatIgnoresIt(t *testing.T) {
	b := newBench(t)
	g, pid := b.running(`
import mlq, os, signal, time
def f(msg):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    mlq.context().update_progress(os.getpid())
    while True: time.sleep(3600)
`)
	ended := b.cancel(g, slot.Stop{Why: "cancelled", Grace: 100 * time.Millisecond})
	expect(t, ended, scheduler.OutcomeCancelled, "", "")
	if ended.Signal != "SIGKILL" || processLives(pid) {
		t.Errorf("ended by %q", ended.Signal)
	}
}

func TestReleaseBecauseOfARevokeByAnAdmin(t *testing.T) {
	b := newBench(t)
	g, _ := b.running(waits)
	ended := b.cancel(g, slot.Stop{Outcome: scheduler.OutcomeReleased, Why: "requeued by root"})
	expect(t, ended, scheduler.OutcomeReleased, "", "requeued by root")
}

func TestRevokeKillsAtOnce(t *testing.T) {
	b := newBench(t)
	g, _ := b.running(waits)
	if err := b.client.Revoke(g.Ref()); err != nil {
		t.Fatal(err)
	}
	expect(t, b.await(slot.EventEnded).Ended, scheduler.OutcomeLost, "", "not ours any more")
}

func TestOrdersForAnotherLeaseAreIgnored(t *testing.T) {
	b := newBench(t)
	g, pid := b.running(waits)
	stale := g.Ref()
	stale.Fence--
	if err := b.client.Revoke(stale); err != nil {
		t.Fatal(err)
	}
	// The answer to a second grant comes after the revoke was handled.
	other := g
	other.Fence++
	if err := b.client.Grant(other, nil); err != nil {
		t.Fatal(err)
	}
	var e slot.Event
	for e.Kind != slot.EventError {
		e = <-b.client.Events()
	}
	if e.Kind != slot.EventError || e.Fence != other.Fence || !processLives(pid) {
		t.Fatalf("got %+v", e)
	}
}

func TestTimeLimit(t *testing.T) {
	b := newBench(t)
	_, pid := b.running(waits, func(g *slot.Grant) { g.Timeout = 50 * time.Millisecond })
	ended := b.await(slot.EventEnded).Ended
	expect(t, ended, scheduler.OutcomeTimedOut, scheduler.ReasonTimeout, "50ms")
	if processLives(pid) {
		t.Error("it lives")
	}
}
