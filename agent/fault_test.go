package agent_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

// alone takes the one device of its host for the job's process and all that it
// forks, by a lock of the kernel's: a second job there ends with BlockingIOError.
const alone = `
import fcntl, os
_device = open(os.path.dirname(os.environ["MLQ_JOB_DIR"]) + ".in-use", "w")
fcntl.flock(_device, fcntl.LOCK_EX | fcntl.LOCK_NB)
`

// handedOn: the device takes another job, and nothing of the last one is there.
func (w *world) handedOn() {
	w.t.Helper()
	next := w.submit(call(alone+"def f(msg):\n    return msg", 1))
	if got := w.value(next); got != "1" {
		w.t.Errorf("the next job gave %s", got)
	}
}

// told: why something ended is said in these words, on one line.
func (w *world) told(got string, words ...string) {
	w.t.Helper()
	for _, word := range words {
		if !strings.Contains(got, word) || strings.Contains(got, "\n") {
			w.t.Errorf("it says %q, without %q", got, word)
		}
	}
}

// gated runs until the file that its message names exists; its result is its
// process id, so that a second run would show.
const gated = alone + `
import time
def f(gate):
    open(gate + ".started", "a").write("%d\n" % os.getpid())
    while not os.path.exists(gate):
        time.sleep(0.01)
    return os.getpid()
`

// gate is a job that waits for a file.
type gate struct {
	w    *world
	id   scheduler.JobID
	path string
}

func (w *world) gate(more ...string) *gate {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "gate")
	return &gate{w: w, path: path, id: w.submit(call(gated, path, more...))}
}

// running waits until the n-th run of the job is inside the function, and
// gives its process id.
func (g *gate) running(n int) int {
	g.w.t.Helper()
	var pids []string
	g.w.until("a gated job to run", func() bool {
		b, err := os.ReadFile(g.path + ".started")
		pids = strings.Fields(string(b))
		return err == nil && len(pids) >= n && strings.HasSuffix(string(b), "\n")
	}, func() string { return strings.Join(pids, " ") })
	pid, err := strconv.Atoi(pids[n-1])
	if err != nil {
		g.w.t.Fatal(err)
	}
	return pid
}

func (g *gate) open() {
	g.w.t.Helper()
	if err := os.WriteFile(g.path, nil, 0o600); err != nil {
		g.w.t.Fatal(err)
	}
}

func (g *gate) gone(pid int) {
	g.w.t.Helper()
	g.w.until("the job's process to be gone", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ") // a zombie runs nothing
	}, func() string { return strconv.Itoa(pid) })
}

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

// A second agent of a name, in another folder, does not end the first while that
// one lives; when it is silent, the name is free.
func TestTwoAgentsWithOneName(t *testing.T) { bothWays(t, 3, testTwoAgentsWithOneName) }

func testTwoAgentsWithOneName(t *testing.T, w *world) {
	first := w.start("h1", "cpu:1", nil)
	g := w.gate()
	pid := g.running(1)
	o, err := hostOptions("h1", t.TempDir(), "cpu:1", w.scheduler("h1"), w.shelf.http.URL, python)
	if err != nil {
		t.Fatal(err)
	}
	second, err := agent.New(w.ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	err = errors.Join(second.Run(ctx), second.Close())
	if !errors.Is(err, agent.ErrNameTaken) {
		t.Fatalf("the second one ended with %v", err)
	}
	w.told(err.Error(), "h1", "--name", "ago")
	g.open()
	if got := w.value(g.id); got != strconv.Itoa(pid) {
		t.Errorf("result of process %s, want %d", got, pid)
	}
	if err := first.end(); err != nil {
		t.Fatal(err)
	}
	w.start("h1", "cpu:1", nil)
	w.handedOn()
}

// An agent whose name another process has taken all the same kills its jobs, and
// ends with an error.
func TestReplacedAgent(t *testing.T) { bothWays(t, 10, testReplacedAgent) }

func testReplacedAgent(t *testing.T, w *world) {
	first := w.start("h1", "cpu:1", nil)
	g := w.gate()
	pid := g.running(1)
	if _, err := w.sched.Join(w.ctx, scheduler.Inventory{Host: "h1"}, nil, nil); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-first.ended:
		first.ended <- nil
		if !errors.Is(err, agent.ErrReplaced) {
			t.Fatalf("the older one ended with %v", err)
		}
		w.told(err.Error(), "h1")
	case <-time.After(patience):
		t.Fatal("the older one goes on")
	}
	g.gone(pid)
	w.start("h1", "cpu:1", nil)
	g.running(2)
	g.open()
	job := w.awaitState(g.id, scheduler.Succeeded)
	if n := len(job.Attempts); n != 2 {
		t.Errorf("%d attempts", n)
	}
	w.handedOn()
}

func TestDataFolderIsOneAgents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	h := w.start("h1", "cpu:1", nil)
	o, err := hostOptions("h2", h.data, "cpu:1", w.sched, w.shelf.http.URL, python)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := agent.New(w.ctx, o); !errors.Is(err, agent.ErrDataDirTaken) {
		t.Errorf("a second agent in the folder: %v", err)
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
