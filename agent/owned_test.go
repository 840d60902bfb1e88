package agent_test

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/lockfile"
	"github.com/mlq-dev/mlq/scheduler"
)

// process is a process on a device as NVML and /proc would tell it.
func process(t testing.TB, pid int) gpu.Process {
	t.Helper()
	p, err := slot.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	return gpu.Process{PID: p.PID, Started: p.Start, UID: syscall.Getuid(), Name: "python", Memory: 4 << 30}
}

// stranger starts a process that only looks like a job's.
func stranger(t testing.TB, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	cmd.Env = env
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // it may have ended
	return cmd
}

// The job's own process is ours, and so is what it starts; one of somebody else
// beside it is named, and neither it nor the job is touched.
func TestStrangerBesideAJob(t *testing.T) {
	t.Parallel()
	w, p, g, pid := jobOnCard(t)
	p.used("GPU-A", process(t, pid))
	looked := p.looked("GPU-A")
	w.until("a look", func() bool { return p.looked("GPU-A") > looked+1 }, func() string { return "none" })
	if all, _ := w.inventory("h1"); len(all["GPU-A"].Foreign) != 0 {
		t.Fatalf("the job's own process is taken for %+v", all["GPU-A"].Foreign)
	}
	other := stranger(t, "MLQ_JOB_ID=1", "MLQ_FENCE_TOKEN=1")
	p.used("GPU-A", process(t, pid), process(t, other.Process.Pid))
	d := w.awaitReason("h1", "GPU-A", "also")
	if d.State != gpu.Leased || len(d.Foreign) != 1 || d.Foreign[0].PID != other.Process.Pid {
		t.Errorf("reported %s: %s, foreign %+v", d.State, d.Reason, d.Foreign)
	}
	g.open()
	w.awaitState(g.id, scheduler.Succeeded)
	w.alive(other)
}

func (w *world) alive(cmd *exec.Cmd) {
	w.t.Helper()
	if err := cmd.Process.Signal(syscall.Signal(0)); err != nil {
		w.t.Errorf("a process that is not ours was ended: %v", err)
	}
}

// The memory of a dead process keeps a card from the next job, is an orphan's
// after 30 s, and when it is freed the card is used.
func TestOrphanAfterAJob(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for 30 s")
	}
	t.Parallel()
	w, p, g, dead := jobOnCard(t)
	p.change(func() {
		p.says["GPU-A"] = gpu.Sample{Used: 6 << 30, Processes: []gpu.Process{{PID: dead, UID: -1, Name: "python", Memory: 6 << 30}}}
	})
	g.open()
	ended := w.awaitState(g.id, scheduler.Succeeded).EndedAt
	next := w.submit(call("def f(msg):\n    return msg", 3))
	w.awaitDevice("h1", "GPU-A", gpu.Clearing)
	d, _ := w.awaitDevice("h1", "GPU-A", gpu.Foreign)
	if took := time.Since(ended); took < 28*time.Second || took > 40*time.Second {
		t.Errorf("an orphan after %v", took)
	}
	w.told(d.Reason, "orphan", strconv.Itoa(dead))
	if job := w.awaitState(next, scheduler.Queued); len(job.Attempts) != 0 {
		t.Errorf("claimed over an orphan: %+v", job.Attempts)
	}
	p.clean("GPU-A")
	if got := w.value(next); got != "3" {
		t.Errorf("result %s", got)
	}
}

// What the driver lists of a job's process after its death is the job's: the device
// is being cleared, is nobody's use, and one clean look makes it free.
func TestDeadProcessOfAJobIsTheJobs(t *testing.T) {
	t.Parallel()
	w, p, g, pid := jobOnCard(t)
	alive := process(t, pid)
	alive.User = "ana"
	p.used("GPU-A", alive)
	looked := p.looked("GPU-A")
	w.until("a look", func() bool { return p.looked("GPU-A") > looked+1 }, func() string { return "none" })
	p.used("GPU-A", gpu.Process{PID: pid, UID: -1, Memory: 4 << 30})
	g.open()
	w.awaitState(g.id, scheduler.Succeeded)
	d := w.awaitReason("h1", "GPU-A", "the last job's memory is not free yet")
	if d.State != gpu.Clearing || len(d.Foreign) != 1 || d.Foreign[0].User != "ana" || d.Foreign[0].Name != "python" {
		t.Errorf("%s: %s, %+v", d.State, d.Reason, d.Foreign)
	}
	p.clean("GPU-A")
	if d, _ := w.awaitDeviceNot("h1", "GPU-A", gpu.Clearing); d.State != gpu.Free {
		t.Errorf("after it: %s: %s", d.State, d.Reason)
	}
}

// A living process that a job's end finds on the card looks like one of the job's,
// with its marks and its user, and is not: it is named at once, and not killed.
func TestWhoOnlyLooksLikeAJobIsNotKilled(t *testing.T) {
	t.Parallel()
	w, p, g, _ := jobOnCard(t)
	fence := w.awaitState(g.id, scheduler.Running).Attempts[0].Fence
	other := stranger(t, fmt.Sprintf("MLQ_JOB_ID=%d", g.id), fmt.Sprintf("MLQ_FENCE_TOKEN=%d", fence))
	p.used("GPU-A", process(t, other.Process.Pid))
	g.open()
	w.awaitState(g.id, scheduler.Succeeded)
	d, took := w.awaitDevice("h1", "GPU-A", gpu.Foreign)
	if took > onePoll {
		t.Errorf("foreign after %v", took)
	}
	w.told(d.Reason, strconv.Itoa(other.Process.Pid))
	w.alive(other)
	p.clean("GPU-A")
	w.handedOn()
	w.alive(other)
}

// A job that left nothing costs its device no poll.
func TestDeviceIsHandedOnAtOnce(t *testing.T) {
	w := newWorld(t, 1)
	p := newScripted(t, "GPU-A")
	w.start("h1", "", p.use)
	var ids []scheduler.JobID
	for range 12 {
		ids = append(ids, w.submit(call("def f(msg):\n    return msg", 1)))
	}
	var last scheduler.Job
	for i, id := range ids {
		job := w.awaitState(id, scheduler.Succeeded)
		if i > 0 {
			if idle := job.Attempt().Claimed.Sub(last.Attempt().Ended); idle > time.Second {
				t.Errorf("the device lay idle for %v", idle)
			}
		}
		last = job
	}
}

// A tool that has the device's lock is named, and keeps jobs away until it lets go.
func TestLockOfAnotherTool(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := newScripted(t, "GPU-A")
	h := w.start("h1", "", p.use)
	w.awaitDevice("h1", "GPU-A", gpu.Free)
	flock, err := exec.LookPath("flock")
	if err != nil {
		t.Fatal(err)
	}
	tool := exec.Command(flock, lockfile.Path(filepath.Dir(h.data), "GPU-A"), "cat")
	in, err := tool.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tool.Start(); err != nil {
		t.Fatal(err)
	}
	d, took := w.awaitDevice("h1", "GPU-A", gpu.Foreign)
	if took > onePoll {
		t.Errorf("seen after %v", took)
	}
	w.told(d.Reason, "lock", "flock")
	id := w.submit(call("def f(msg):\n    return msg", 4))
	if err := errors.Join(in.Close(), tool.Wait()); err != nil {
		t.Fatal(err)
	}
	if got := w.value(id); got != "4" {
		t.Errorf("result %s", got)
	}
	if !strings.HasPrefix(w.awaitState(id, scheduler.Succeeded).Attempts[0].Devices[0], "GPU-A") {
		t.Error("it ran elsewhere")
	}
}
