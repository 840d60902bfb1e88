package agent_test

import (
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

func TestAgentKilledInMidJobIsAdopted(t *testing.T) {
	t.Parallel()
	w := newRedisWorld(t, 1, nil)
	h := w.spawn("h1", "cpu:1")
	g := w.gate()
	pid := g.running(1)
	h.kill()
	h.respawn()
	g.open()
	if got := w.value(g.id); got != strconv.Itoa(pid) {
		t.Errorf("result of process %s, want %d", got, pid)
	}
	if job := w.awaitState(g.id, scheduler.Succeeded); len(job.Attempts) != 1 {
		t.Errorf("%d attempts", len(job.Attempts))
	}
	w.handedOn()
}

func TestAgentKilledAndJobEndsMeanwhile(t *testing.T) {
	t.Parallel()
	w := newRedisWorld(t, 1, nil)
	h := w.spawn("h1", "cpu:1")
	g := w.gate()
	pid := g.running(1)
	h.kill()
	g.open()
	g.gone(pid)
	h.respawn()
	if got := w.value(g.id); got != strconv.Itoa(pid) {
		t.Errorf("result of process %s, want %d", got, pid)
	}
	w.handedOn()
}

func TestAgentAndSlotKilled(t *testing.T) {
	t.Parallel()
	w := newRedisWorld(t, 1, nil)
	h := w.spawn("h1", "cpu:1")
	g := w.gate()
	pid := g.running(1)
	h.kill()
	h.killSlots()
	g.gone(pid)
	h.respawn()
	again := g.running(2)
	g.open()
	if got := w.value(g.id); got != strconv.Itoa(again) {
		t.Errorf("result of process %s, want %d", got, again)
	}
	job := w.awaitState(g.id, scheduler.Succeeded)
	if len(job.Attempts) != 2 || job.Attempts[0].Outcome != scheduler.OutcomeLost || job.Losses != 1 {
		t.Errorf("attempts %+v, losses %d", job.Attempts, job.Losses)
	}
	w.told(job.Attempts[0].Cause, "slot process", "killed")
	w.handedOn()
}

func TestSlotKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	h := w.start("h1", "cpu:1", nil)
	g := w.gate()
	pid := g.running(1)
	h.killSlots()
	g.gone(pid)
	again := g.running(2)
	g.open()
	if got := w.value(g.id); got != strconv.Itoa(again) {
		t.Errorf("result of process %s, want %d", got, again)
	}
	job := w.awaitState(g.id, scheduler.Succeeded)
	if job.Attempts[0].Outcome != scheduler.OutcomeLost || job.Releases != 0 {
		t.Errorf("first attempt %+v", job.Attempts[0])
	}
	w.told(job.Attempts[0].Cause, "slot process", "killed")
	w.handedOn()
}

func TestRunnerKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.start("h1", "cpu:1", nil)
	g := w.gate()
	if err := syscall.Kill(g.running(1), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	job := w.awaitState(g.id, scheduler.Failed)
	if a := job.Attempt(); a.Signal != "SIGKILL" || job.Reason != scheduler.ReasonKilled || len(job.Attempts) != 1 {
		t.Errorf("%s %q, attempt %+v", job.Reason, job.Detail, a)
	}
	w.told(job.Detail, "SIGKILL")
	w.handedOn()
}

func TestRunnerIgnoresSIGTERM(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.start("h1", "cpu:1", nil)
	deaf := strings.Replace(gated, "def f(gate):", "import signal\ndef f(gate):\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)", 1)
	g := &gate{w: w, path: filepath.Join(t.TempDir(), "gate")}
	g.id = w.submit(call(deaf, g.path, "grace=0.2"))
	pid := g.running(1)
	if _, _, err := w.sched.Cancel(w.ctx, g.id, "ana"); err != nil {
		t.Fatal(err)
	}
	job := w.awaitState(g.id, scheduler.Cancelled)
	g.gone(pid)
	if a := job.Attempt(); a.Outcome != scheduler.OutcomeCancelled || a.Signal != "SIGKILL" {
		t.Errorf("attempt %+v", a)
	}
	w.told(job.Detail, "cancelled by ana")
	w.handedOn()
}

// A daemon that a job leaves behind would keep the device's lock.
func TestDaemonOfAJobDies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.start("h1", "cpu:1", nil)
	id := w.submit(call(alone+`
import time
def f(msg):
    r, w = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(w, str(os.getpid()).encode())
            while True: time.sleep(3600)
        os._exit(0)
    return int(os.read(r, 20))
`, 1))
	pid, err := strconv.Atoi(w.value(id))
	if err != nil {
		t.Fatal(err)
	}
	w.handedOn()
	(&gate{w: w}).gone(pid)
}

func TestResultThatCannotBePickled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.start("h1", "cpu:1", nil)
	id := w.submit(call(alone+"import threading\ndef f(msg):\n    return {'lock': threading.Lock()}", 1))
	job := w.awaitState(id, scheduler.Failed)
	if len(job.Attempts) != 1 {
		t.Errorf("attempts %+v", job.Attempts)
	}
	w.told(job.Detail, "lock")
	w.handedOn()
}
