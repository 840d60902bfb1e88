package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// cards is a world whose host has a sick GPU and one that eve uses by hand, with a driver.
func cards(t *testing.T, change ...func(*api.Options)) *world {
	t.Helper()
	w := newWorld(t, change...)
	w.join()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	percent, milliwatts := 97, 301_500
	w.inv.Devices = []scheduler.DeviceReport{
		{
			Device: gpu.Device{UUID: "GPU-0", Kind: gpu.KindGPU, Model: "NVIDIA H100", Memory: 80 << 30, PCI: "0000:65:00.0"},
			State:  gpu.Foreign, Reason: "used by process 4711 (evesecret)", Since: at, Used: 20 << 30,
			Readings: gpu.Readings{Utilization: &percent, Power: &milliwatts},
			Foreign:  []gpu.Process{{PID: 4711, UID: 1003, User: "eve", Name: "evesecret", Memory: 20 << 30, Since: at}},
		},
		{
			Device: gpu.Device{UUID: "GPU-1", Index: 1, Kind: gpu.KindGPU, Model: "NVIDIA H100", Memory: 80 << 30},
			State:  gpu.Sick, Reason: "Xid 79", Since: at,
			Health: gpu.Health{Sick: "it fell off the bus", Since: at, Cure: gpu.CureReset, Xid: 79, Doubted: 3},
		},
	}
	w.inv.GPU = gpu.Info{Driver: "580.82.07", CUDA: "13.0", Warnings: []string{"GPU 2 is in MIG mode and has no slices"}}
	w.report()
	return w
}

func (w *world) report() {
	w.Helper()
	must(w, w.sched.Report(w.Context(), "node1", w.epoch, w.inv))
}

func (w *world) gpus(token string) (answer api.GPUs) {
	w.Helper()
	w.ok(w.do(token, "GET", "/gpus", nil), 200, &answer)
	return answer
}

// TestDeviceTellsAll: readings in the units that people use, holders by name,
// what mends a sick card, the driver's warnings.
func TestDeviceTellsAll(t *testing.T) {
	t.Parallel()
	w := cards(t)
	answer := w.gpus(w.bob)
	busy, sick := answer.GPUs[0], answer.GPUs[1]
	if busy.Utilization == nil || *busy.Utilization != 97 || busy.Power == nil || *busy.Power != 301.5 || busy.Temperature != nil || time.Since(busy.Reported) > time.Minute {
		t.Errorf("readings %+v", busy)
	}
	at := w.inv.Devices[0].Since
	if diff := cmp.Diff([]api.Foreigner{{PID: 4711, UID: 1003, User: "eve", Name: "evesecret", Memory: 20 << 30, Since: at}}, busy.Foreign); diff != "" {
		t.Error(diff)
	}
	if h := sick.Health; h == nil || h.Sick != "it fell off the bus" || h.Xid != 79 || !strings.Contains(h.Mend, "reset-health") || busy.Health != nil {
		t.Errorf("healths %+v and %+v", h, busy.Health)
	}
	want := []api.Driver{{Host: "node1", Driver: "580.82.07", CUDA: "13.0", Warnings: w.inv.GPU.Warnings}}
	if diff := cmp.Diff(want, answer.Drivers); diff != "" {
		t.Error(diff)
	}
}

// TestForeignHoldersArePrivate: on a private server only admins see them, and
// beside another user's job nobody else does.
func TestForeignHoldersArePrivate(t *testing.T) {
	t.Parallel()
	w := cards(t, func(o *api.Options) { o.Private = true })
	if got := w.seen(w.bob, "/gpus") + w.seen(w.bob, "/hosts"); strings.Contains(got, "eve") {
		t.Errorf("bob gets %s", got)
	}
	if d := w.gpus(w.admin).GPUs[0]; len(d.Foreign) != 1 {
		t.Errorf("the admin gets %+v", d)
	}
	w.inv.Devices[0].State, w.inv.Devices[0].Reason = gpu.Foreign, "taken by another agent of this machine (process 9 of mlq): process 4711 (evesecret)"
	w.report()
	if d := w.gpus(w.bob).GPUs[0]; d.Reason != "taken by another agent of this machine" {
		t.Errorf("bob gets of another agent's job: %q", d.Reason)
	}
	w = cards(t)
	w.inv.Devices[0].State, w.inv.Devices[0].Reason = gpu.Leased, "runs job 1; also used by process 4711 (evesecret)"
	w.report()
	id := w.submit(w.ana, `{"msg":1}`)
	_, err := w.sched.Claim(t.Context(), scheduler.ClaimRequest{
		Host: "node1", Epoch: w.epoch, Job: id, Devices: []string{"GPU-0"}, ClaimID: "claim-1", TokenSHA256: make([]byte, 32),
	})
	must(t, err)
	if got := w.seen(w.bob, "/gpus"); strings.Contains(got, "eve") {
		t.Errorf("bob gets of a job that is not his: %s", got)
	}
	for _, token := range []string{w.ana, w.admin} {
		if d := w.gpus(token).GPUs[0]; len(d.Foreign) != 1 || !strings.Contains(d.Reason, "evesecret") {
			t.Errorf("who may see it gets %+v", d)
		}
	}
}

// TestJobsOnSickDevicesArePrivate: which job runs on a device that is sick, or of
// which nothing is known, is said to who may know that job.
func TestJobsOnSickDevicesArePrivate(t *testing.T) {
	t.Parallel()
	w := cards(t)
	id := w.submit(w.ana, `{"msg":1}`)
	lease := gpu.Evidence{Lease: &gpu.Holding{Job: int64(id)}}
	for i := range w.inv.Devices { // nobody looked; and of one that is sick
		d := &w.inv.Devices[i]
		lease.Health = d.Health
		v := gpu.Decide(d.Device, lease, time.Hour)
		d.State, d.Reason, d.Foreign = v.State, v.Reason, nil
	}
	w.report()
	waits := w.submit(w.bob, `{"msg":1}`)
	if got := w.seen(w.bob, "/gpus") + w.seen(w.bob, "/hosts") + w.seen(w.bob, "/jobs/"+idText(waits)+"/why"); strings.Contains(got, "runs job") {
		t.Errorf("bob gets %s", got)
	}
	for _, d := range w.gpus(w.admin).GPUs {
		if !strings.HasSuffix(d.Reason, "; runs job "+idText(id)) {
			t.Errorf("the admin gets %+v", d)
		}
	}
	for _, d := range w.gpus(w.bob).GPUs {
		if d.Reason == "" {
			t.Errorf("bob is not told why %s is %s", d.UUID, d.State)
		}
	}
}

// TestSilentHostsDevices: what was told too long ago is not told as true.
func TestSilentHostsDevices(t *testing.T) {
	t.Parallel()
	w := cards(t, func(o *api.Options) {
		var err error
		o.Scheduler, err = scheduler.New(o.Store, scheduler.Options{Timing: scheduler.DefaultTiming().Scale(200)})
		must(t, err)
	})
	deadline := time.After(30 * time.Second)
	for w.gpus(w.bob).GPUs[0].State != gpu.Unknown {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatal("a host that is silent for long is believed")
		}
	}
	if d := w.gpus(w.admin).GPUs[0]; d.Utilization != nil || d.Foreign != nil || d.Used != nil || d.Reason != "nothing is heard of its host" {
		t.Errorf("told %+v", d)
	}
}
