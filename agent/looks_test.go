package agent_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// onePoll is how long what is on a device may be unseen, and some for a machine
// that does much else.
const onePoll = 2*time.Second + 1500*time.Millisecond

// A process of somebody else is in the store within one poll, keeps jobs away,
// and when it has left the device is used again.
func TestForeignProcessArrivesAndLeaves(t *testing.T) { bothWays(t, 1, testForeignProcess) }

func testForeignProcess(t *testing.T, w *world) {
	p := newScripted(t, "GPU-A")
	w.start("h1", "", p.use)
	w.awaitDevice("h1", "GPU-A", gpu.Free)
	p.used("GPU-A", gpu.Process{PID: 4711, Started: 9, UID: 1234, User: "ben", Name: "python", Memory: 8 << 30})
	d, took := w.awaitDevice("h1", "GPU-A", gpu.Foreign)
	if took > onePoll {
		t.Errorf("seen after %v", took)
	}
	w.told(d.Reason, "4711", "python")
	if len(d.Foreign) != 1 || d.Foreign[0].PID != 4711 || d.Foreign[0].User != "ben" {
		t.Errorf("foreign processes %+v", d.Foreign)
	}
	id := w.submit(call("def f(msg):\n    return msg", 7))
	looked := p.looked("GPU-A")
	w.until("two more looks", func() bool { return p.looked("GPU-A") >= looked+2 }, func() string { return "none" })
	if job := w.awaitState(id, scheduler.Queued); len(job.Attempts) != 0 {
		t.Errorf("claimed over a foreign process: %+v", job.Attempts)
	}
	p.clean("GPU-A")
	began := time.Now()
	if got := w.value(id); got != "7" {
		t.Errorf("result %s", got)
	}
	if took := time.Since(began); took > onePoll+time.Second {
		t.Errorf("used again after %v", took)
	}
}

// A card that hangs does not keep the looks at the others, their jobs, or the
// heartbeat waiting; it is unknown while it hangs, and used when it answers.
func TestHangingDeviceHoldsUpNobody(t *testing.T) {
	w := newWorld(t, 1)
	p := newScripted(t, "GPU-A", "GPU-B")
	h := w.start("h1", "", p.use)
	w.awaitDevice("h1", "GPU-A", gpu.Free)
	w.awaitDevice("h1", "GPU-B", gpu.Free)
	// The other card's slot and Python are started before: on a busy machine that takes seconds.
	p.used("GPU-A", gpu.Process{PID: 4711, Started: 9, UID: 1234, User: "ben", Name: "python", Memory: 8 << 30})
	w.awaitDevice("h1", "GPU-A", gpu.Foreign)
	w.value(w.submit(call("def f(msg):\n    return msg", 7)))
	p.clean("GPU-A")
	w.awaitDevice("h1", "GPU-A", gpu.Free)
	before := 0
	p.change(func() { p.silent["GPU-A"], before = true, p.looks["GPU-A"] })
	for i := range 6 { // the first claims try the hanging card too
		began := time.Now()
		id := w.submit(call("def f(msg):\n    return msg", i))
		if got := w.value(id); got != fmt.Sprint(i) {
			t.Errorf("result %s", got)
		}
		if took := time.Since(began); took > 3*time.Second { // the time that a look has
			t.Errorf("job %d waited %v for a card that hangs", i, took)
		}
		if job := w.awaitState(id, scheduler.Succeeded); job.Attempt().Devices[0] != "GPU-B" {
			t.Errorf("job %d ran on %v", i, job.Attempt().Devices)
		}
	}
	d, _ := w.awaitDevice("h1", "GPU-A", gpu.Unknown)
	w.told(d.Reason, "3s")
	if n := p.looked("GPU-A") - before; n > 2 { // its turn's and a claim's; none of them comes back
		t.Errorf("%d looks are under way", n)
	}
	if err := h.agent.Stuck(); err != nil {
		t.Error(err)
	}
	p.change(func() { p.silent["GPU-A"] = false })
}

// GPU-A falls off the bus under a job: it is withdrawn within one poll, its job
// goes on and says what happened when it fails; the neighbour works on.
func TestLostGPUUnderAJob(t *testing.T) {
	t.Parallel()
	w, p, g, pid := jobOnCard(t)
	p.list("GPU-A", "GPU-B")
	p.events <- gpu.Event{Changed: true}
	w.awaitDevice("h1", "GPU-B", gpu.Free)
	p.faulty("GPU-A", gpu.FaultLost, "GPU is lost")
	p.events <- gpu.Event{UUID: "GPU-A", GI: -1, CI: -1, Xid: 79}
	d, took := w.awaitDeviceNot("h1", "GPU-A", gpu.Leased, gpu.Free)
	if took > onePoll {
		t.Errorf("withdrawn after %v", took)
	}
	if d.Health.Sick == "" || d.Health.Xid != 79 {
		t.Errorf("health %+v", d.Health)
	}
	if got := w.value(w.submit(call("def f(msg):\n    return msg", 2))); got != "2" {
		t.Errorf("the neighbour gave %s", got)
	}
	if job := w.awaitState(g.id, scheduler.Running); len(job.Attempts) != 1 {
		t.Errorf("the job was stopped: %+v", job)
	}
	kill(t, pid)
	job := w.awaitState(g.id, scheduler.Failed)
	w.told(job.Detail, "SIGKILL", "Xid 79", "GPU-A")
	id := w.submit(call("def f(msg):\n    return msg", 3))
	if job := w.awaitState(id, scheduler.Succeeded); job.Attempt().Devices[0] != "GPU-B" {
		t.Errorf("a job ran on the lost card: %+v", job.Attempt())
	}
}

// An Xid that is the program's fault is told with the program's error, and the
// card is used on.
func TestXidOfTheProgram(t *testing.T) {
	t.Parallel()
	w, p, g, pid := jobOnCard(t)
	p.events <- gpu.Event{UUID: "GPU-A", GI: -1, CI: -1, Xid: 31}
	w.until("the Xid to be known", func() bool {
		all, _ := w.inventory("h1")
		return all["GPU-A"].Health.Xid == 31
	}, func() string { return "it is not" })
	kill(t, pid)
	job := w.awaitState(g.id, scheduler.Failed)
	w.told(job.Detail, "SIGKILL", "the driver reported Xid 31", "GPU-A")
	if !strings.Contains(job.Attempt().Cause, "Xid 31") {
		t.Errorf("the attempt says %q", job.Attempt().Cause)
	}
	w.handedOn()
}

// That a job is over is told soon, and so is a warning: nobody sees a device in use
// that is not.
func TestEndOfAJobIsNews(t *testing.T) {
	w := newWorld(t, 1)
	p := newScripted(t, "GPU-A")
	w.start("h1", "", p.use)
	for range 2 {
		g := w.gate()
		g.running(1)
		w.awaitDevice("h1", "GPU-A", gpu.Leased) // at its turn: the store knows the lease
		g.open()
		w.awaitState(g.id, scheduler.Succeeded)
		if _, took := w.awaitDevice("h1", "GPU-A", gpu.Free); took > 2*time.Second {
			t.Errorf("told after %v", took)
		}
	}
	p.events <- gpu.Event{UUID: "GPU-A", GI: -1, CI: -1, Xid: 94}
	began := time.Now()
	w.until("the warning to be told", func() bool {
		all, _ := w.inventory("h1")
		return all["GPU-A"].Health.Warning != ""
	}, func() string { return "it is not" })
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the warning was told after %v", took)
	}
}
