package agent_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

var changed = gpu.Event{Changed: true}

// A card that appears gets a slot and jobs; one that is gone and nobody needs is
// shown as gone, and used again when it is back.
func TestDeviceAppearsGoesAndComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := newScripted(t, "GPU-A")
	h := w.start("h1", "", p.use)
	g := w.gate()
	g.running(1)
	p.list("GPU-A", "GPU-B")
	p.events <- changed
	w.runsOn("GPU-B")
	p.list("GPU-A")
	p.events <- changed
	d, _ := w.awaitDeviceNot("h1", "GPU-B", gpu.Free, gpu.Leased, gpu.Clearing)
	w.told(d.Reason, "not list")
	p.list("GPU-A", "GPU-B")
	p.events <- changed
	w.runsOn("GPU-B")
	if n := len(h.slots()); n != 2 {
		t.Errorf("%d slots", n)
	}
	g.open()
	w.awaitState(g.id, scheduler.Succeeded)
}

// openGate is a gate of a host with several devices.
func (w *world) openGate() *gate {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "gate")
	return &gate{w: w, path: path, id: w.submit(call(strings.Replace(gated, alone, "import os\n", 1), path))}
}

// runsOn: the next job that is submitted runs on this device.
func (w *world) runsOn(uuid string) {
	w.t.Helper()
	job := w.awaitState(w.submit(call("def f(msg):\n    return msg", 1)), scheduler.Succeeded)
	if job.Attempt().Devices[0] != uuid {
		w.t.Errorf("it ran on %v, not %s", job.Attempt().Devices, uuid)
	}
}

// The slices of a card are replaced while a job runs on one: the job is lost with
// words that name the slice, runs again, and the old slot is gone.
func TestSlicesAreReplacedUnderAJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := newScripted(t, "MIG-A-1", "MIG-A-2", "GPU-B")
	h := w.start("h1", "", p.use)
	a, b, c := w.openGate(), w.openGate(), w.openGate()
	pids := map[string]int{}
	jobs := map[string]*gate{}
	for _, g := range []*gate{a, b, c} {
		pid := g.running(1)
		job := w.awaitState(g.id, scheduler.Running)
		uuid := job.Attempt().Devices[0]
		pids[uuid], jobs[uuid] = pid, g
	}
	p.list("MIG-A-7", "GPU-B")
	p.events <- changed
	for _, old := range []string{"MIG-A-1", "MIG-A-2"} {
		jobs[old].gone(pids[old])
		jobs[old].open()
	}
	for _, old := range []string{"MIG-A-1", "MIG-A-2"} {
		job := w.awaitState(jobs[old].id, scheduler.Succeeded)
		if first := job.Attempts[0]; first.Outcome != scheduler.OutcomeLost || job.Losses != 1 {
			t.Errorf("first attempt %+v", first)
		}
		w.told(job.Attempts[0].Cause, old, "gone")
		if last := job.Attempt().Devices[0]; last != "MIG-A-7" {
			t.Errorf("it ran again on %s", last)
		}
	}
	jobs["GPU-B"].open()
	if got := w.value(jobs["GPU-B"].id); got != strconv.Itoa(pids["GPU-B"]) {
		t.Errorf("the neighbour gave %s, want %d", got, pids["GPU-B"])
	}
	w.awaitDevices("h1", "MIG-A-7", "GPU-B")
	w.until("the slots of old slices to be gone", func() bool { return len(h.slots()) == 2 }, func() string { return fmt.Sprint(h.slots()) })
}

// An agent starts before its driver is up, says so, and works when it is.
func TestDriverComesUpLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := newScripted(t)
	p.change(func() { p.down = errors.New("the NVIDIA driver is not loaded") })
	h := w.start("h1", "", p.use)
	w.until("the host to say what is missing", func() bool {
		_, host := w.inventory("h1")
		return strings.Contains(host.GPU.Problem, "not loaded") && strings.Contains(h.agent.InWords(), "not loaded")
	}, func() string { _, host := w.inventory("h1"); return host.GPU.Problem + "; " + h.agent.InWords() })
	early := w.submit(call("def f(msg):\n    return msg", 1)) // refused, if that host counted as one without devices
	why, err := w.sched.Why(t.Context(), early, scheduler.Shown{})
	if err != nil || len(why.Reasons) != 1 || why.Reasons[0].Code != "devices-unknown" {
		t.Fatalf("it waits because of %+v, %v", why, err)
	}
	w.told(why.Reasons[0].Text, "h1", "not loaded")
	p.list("GPU-A")
	p.change(func() { p.down = nil })
	w.awaitDevice("h1", "GPU-A", gpu.Free)
	w.awaitState(early, scheduler.Succeeded)
	w.runsOn("GPU-A")
	if _, host := w.inventory("h1"); host.GPU.Problem != "" {
		t.Errorf("it still says %q", host.GPU.Problem)
	}
}

// The driver is away while the agent is restarted: a job goes on, is adopted, and
// its device is shown.
func TestRestartWhileTheDriverIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := newScripted(t, "GPU-A", "GPU-B")
	h := w.start("h1", "", p.use)
	g := w.gate()
	pid := g.running(1)
	if err := h.end(); err != nil {
		t.Fatal(err)
	}
	p.change(func() { p.down = errors.New("driver/library version mismatch") })
	h.ended = make(chan error, 1)
	h.run(p.use)
	w.awaitDevices("h1", "GPU-A", "GPU-B")
	w.awaitReason("h1", "GPU-B", "mismatch")
	g.open()
	if got := w.value(g.id); got != strconv.Itoa(pid) {
		t.Errorf("result of process %s, want %d", got, pid)
	}
}

// What another kind of provider listed is not taken for devices of this one whose driver
// is away, as CPU slots under NVIDIA's; what has a job is kept until it is over.
func TestRestartUnderAnotherProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := newScripted(t, "GPU-A", "GPU-B")
	kind := "sim"
	use := func(o *agent.Options) { p.use(o); o.ProviderKind = kind }
	h := w.start("h1", "", use)
	g := w.gate()
	pid := g.running(1)
	job, err := w.sched.Job(w.ctx, g.id)
	if err = errors.Join(err, h.end()); err != nil {
		t.Fatal(err)
	}
	busy := job.Attempt().Devices[0]
	p.change(func() { p.down = errors.New("driver/library version mismatch") })
	kind = "nvml"
	h.ended = make(chan error, 1)
	h.run(use)
	w.awaitDevices("h1", busy)
	g.open()
	if got := w.value(g.id); got != strconv.Itoa(pid) {
		t.Errorf("result of process %s, want %d", got, pid)
	}
}

// A job runs on a slice that is not there any more when the agent starts again.
func TestRestartWithoutTheDeviceOfAJob(t *testing.T) {
	t.Parallel()
	restartWithoutDevice(t, func(*host) func(*agent.Options) { return func(*agent.Options) {} })
}

// Its slot does not answer before the agent has given it up, as on a machine under load.
func TestRestartWithoutTheDeviceOfAJobBeforeItsSlotAnswers(t *testing.T) {
	t.Parallel()
	restartWithoutDevice(t, func(h *host) func(*agent.Options) {
		pid := h.slots()[0]
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		return func(o *agent.Options) {
			o.Log = o.Log.Hook(zerolog.HookFunc(func(_ *zerolog.Event, _ zerolog.Level, text string) {
				if !strings.HasPrefix(text, "cannot ask a slot of an earlier agent") {
					return
				}
				if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
					t.Error(err)
				}
			}))
		}
	})
}

// restartWithoutDevice has the second agent start after between, and as that says.
func restartWithoutDevice(t *testing.T, between func(*host) func(*agent.Options)) {
	t.Helper()
	w := newWorld(t, 1)
	p := newScripted(t, "MIG-A-1")
	h := w.start("h1", "", p.use)
	g := w.gate()
	pid := g.running(1)
	if err := h.end(); err != nil {
		t.Fatal(err)
	}
	p.list("MIG-A-2")
	h.ended = make(chan error, 1)
	change := between(h)
	h.run(func(o *agent.Options) { p.use(o); change(o) })
	g.gone(pid)
	g.open()
	job := w.awaitState(g.id, scheduler.Succeeded)
	w.told(job.Attempts[0].Cause, "MIG-A-1", "gone")
	if job.Attempt().Devices[0] != "MIG-A-2" {
		t.Errorf("it ran again on %v", job.Attempt().Devices)
	}
	w.awaitDevices("h1", "MIG-A-2")
}

// What was named and is not there is a mistake, said with what there is.
func TestNamedDeviceThatIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := newScripted(t, "GPU-A", "MIG-B-1")
	for _, name := range []string{"99", "GPU-none", "0000:09:00.0", ""} {
		o, err := hostOptions("h1", t.TempDir(), "", w.sched, w.shelf.http.URL, python)
		if err != nil {
			t.Fatal(err)
		}
		o.Provider, o.Devices = p, []string{name}
		if _, err := agent.New(w.ctx, o); err == nil || !strings.Contains(err.Error(), "GPU-A") {
			t.Errorf("device %q: %v", name, err)
		}
	}
}

// A name means a card, not a place in a list: an index the card that had it, a
// UUID also the slices that the card is cut into, an address what is there.
func TestNamedDevices(t *testing.T) {
	for _, tt := range []struct {
		name, before, after string
		want                []string
	}{
		{"0", "GPU-A GPU-B", "GPU-B GPU-A", []string{"GPU-A"}},
		{"GPU-A", "GPU-A GPU-B", "MIG-A-1 MIG-A-2 GPU-B", []string{"MIG-A-1", "MIG-A-2"}},
		{"GPU-A", "MIG-A-1 GPU-B", "GPU-A GPU-B", []string{"GPU-A"}},
		{"01:00.0", "GPU-A GPU-B", "GPU-C GPU-B", []string{"GPU-C"}},
	} {
		t.Run(tt.name+" "+tt.after, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			p := newScripted(t, strings.Fields(tt.before)...)
			w.start("h1", "", func(o *agent.Options) { o.Provider, o.Devices = p, []string{tt.name} })
			p.list(strings.Fields(tt.after)...)
			p.events <- changed
			w.until(fmt.Sprint(tt.want, " to be free"), func() bool {
				all, _ := w.inventory("h1")
				for _, uuid := range tt.want {
					if all[uuid].State != gpu.Free {
						return false
					}
				}
				return all["GPU-B"].UUID == ""
			}, func() string { all, _ := w.inventory("h1"); return fmt.Sprint(all) })
		})
	}
}

// A data folder that another machine made is refused, in words that say whose it is.
func TestDataFolderOfAnotherHost(t *testing.T) {
	t.Parallel()
	if id, err := os.ReadFile("/etc/machine-id"); err != nil || strings.TrimSpace(string(id)) == "" {
		t.Fatal("this machine has no id: systemd-machine-id-setup makes one")
	}
	w := newWorld(t, 1)
	data := t.TempDir()
	path := filepath.Join(data, "host.json")
	if err := os.WriteFile(path, []byte(`{"id":"00000000000000000000000000000001","name":"other.lab"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := hostOptions("h1", data, "cpu:1", w.sched, w.shelf.http.URL, python)
	if err != nil {
		t.Fatal(err)
	}
	_, err = agent.New(w.ctx, o)
	if !errors.Is(err, agent.ErrOtherHost) {
		t.Fatalf("it says %v", err)
	}
	w.told(err.Error(), "other.lab", "--data", path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	a, err := agent.New(w.ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}
