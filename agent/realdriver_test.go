//go:build linux && cgo

package agent_test

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/gpu/nvml"
	"github.com/mlq-dev/mlq/gpu/nvml/standin"
	"github.com/mlq-dev/mlq/scheduler"
)

// throughNVML runs a test in a process of its own, with an agent whose devices
// come from go-nvml and a library that answers as the driver's.
func throughNVML(t *testing.T, gpus int, test func(*testing.T, *world, *host, *standin.State)) {
	t.Helper()
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, gpus).Use()
	p, err := nvml.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	w := newWorld(t, 1)
	h := w.start("h1", "", func(o *agent.Options) { o.Provider = p })
	for i := range gpus {
		w.awaitDevice("h1", standin.UUID(i), gpu.Free)
	}
	test(t, w, h, s)
}

// Through go-nvml: somebody's process is seen within one poll, and the card is
// used when it has left.
func TestNVMLForeignProcess(t *testing.T) {
	throughNVML(t, 1, func(t *testing.T, w *world, _ *host, s *standin.State) {
		cmd := exec.Command("sleep", "600")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
		s.AddProcess(0, standin.Process{PID: cmd.Process.Pid, MiB: 4096})
		d, took := w.awaitDevice("h1", standin.UUID(0), gpu.Foreign)
		if took > onePoll {
			t.Errorf("seen after %v", took)
		}
		if len(d.Foreign) != 1 || d.Foreign[0].PID != cmd.Process.Pid || d.Foreign[0].UID != os.Getuid() || d.Foreign[0].Name != "sleep" {
			t.Errorf("foreign %+v", d.Foreign)
		}
		s.RemoveProcess(0, cmd.Process.Pid)
		w.runsOn(standin.UUID(0))
	})
}

// A GPU is lost under a job with Xid 79, while its neighbour works; an Xid 13 of
// the neighbour's job is told with that job's error.
func TestNVMLLostGPU(t *testing.T) {
	throughNVML(t, 2, func(t *testing.T, w *world, _ *host, s *standin.State) {
		one, two := w.openGate(), w.openGate()
		pids := []int{one.running(1), two.running(1)}
		which := func(g *gate) int {
			job := w.awaitState(g.id, scheduler.Running)
			if job.Attempt().Devices[0] == standin.UUID(0) {
				return 0
			}
			return 1
		}
		lost, well := which(one), which(two)
		s.Xid(lost, 79)
		s.Lose(lost)
		d, took := w.awaitDevice("h1", standin.UUID(lost), gpu.Sick)
		if took > onePoll {
			t.Errorf("withdrawn after %v", took)
		}
		w.told(d.Reason, "bus")
		s.Xid(well, 13)
		w.until("the Xid to be known", func() bool {
			all, _ := w.inventory("h1")
			return all[standin.UUID(well)].Health.Xid == 13
		}, func() string { return "it is not" })
		for i, g := range []*gate{one, two} {
			if job := w.awaitState(g.id, scheduler.Running); len(job.Attempts) != 1 {
				t.Errorf("the job was stopped: %+v", job)
			}
			kill(t, pids[i])
		}
		w.told(w.awaitState(one.id, scheduler.Failed).Detail, standin.UUID(lost), "bus")
		w.told(w.awaitState(two.id, scheduler.Failed).Detail, standin.UUID(well), "Xid 13")
		w.runsOn(standin.UUID(well))
	})
}

// A card is handed from job to job in milliseconds, not after the next look in its turn.
func TestNVMLHandedOnAtOnce(t *testing.T) {
	throughNVML(t, 1, func(t *testing.T, w *world, _ *host, _ *standin.State) {
		var ids []scheduler.JobID
		for range 60 {
			ids = append(ids, w.submit(call("def f(msg):\n    return msg", 1)))
		}
		var idle []time.Duration
		last := w.awaitState(ids[0], scheduler.Succeeded)
		for _, id := range ids[1:] {
			job := w.awaitState(id, scheduler.Succeeded)
			idle = append(idle, job.Attempt().Claimed.Sub(last.Attempt().Ended))
			last = job
		}
		slices.Sort(idle)
		t.Logf("idle between two jobs: median %v, most %v", idle[len(idle)/2], idle[len(idle)-1])
		if most := idle[len(idle)-1]; most > time.Second {
			t.Errorf("the card lay idle for %v", most)
		}
	})
}

// A card is cut into slices under a running agent.
func TestNVMLCutIntoSlices(t *testing.T) {
	throughNVML(t, 1, func(t *testing.T, w *world, _ *host, s *standin.State) {
		const a, b = "MIG-0a000000-0000-4000-8000-000000000001", "MIG-0a000000-0000-4000-8000-000000000002"
		s.Cut(0, standin.Slice{Index: 0, UUID: a, GI: 1, MiB: 9728}, standin.Slice{Index: 2, UUID: b, GI: 2, MiB: 9728})
		w.awaitDevices("h1", a, b)
		w.awaitDevice("h1", a, gpu.Free)
		w.awaitDevice("h1", b, gpu.Free)
		if job := w.awaitState(w.submit(call("def f(msg):\n    return msg", 1)), scheduler.Succeeded); job.Attempts[0].Devices[0] == standin.UUID(0) {
			t.Error("a GPU in slices was used as a whole")
		}
		s.Whole(0)
		w.awaitDevices("h1", standin.UUID(0))
		w.runsOn(standin.UUID(0))
	})
}
