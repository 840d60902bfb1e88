package api_test

import (
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// TestSimulatedIsSaid: every answer that names a simulated device says that it is
// one, and no answer says so of another.
func TestSimulatedIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.join()
	w.inv.Devices = append(w.inv.Devices, scheduler.DeviceReport{State: gpu.Free, Device: gpu.Device{
		UUID: "SIM-1", Index: 2, Kind: gpu.KindSim, Model: "NVIDIA H200", Memory: 141 << 30,
	}})
	must(t, w.sched.Report(t.Context(), "node1", w.epoch, w.inv))
	made := w.submit(w.ana, `{"msg":1}`)
	won, err := w.sched.Claim(t.Context(), scheduler.ClaimRequest{
		Host: "node1", Epoch: w.epoch, Job: made, Devices: []string{"SIM-1"}, ClaimID: "c", TokenSHA256: make([]byte, 32),
	})
	must(t, err)
	must(t, w.sched.Start(t.Context(), scheduler.LeaseRef{Job: made, Fence: won.Fence}))
	slot := w.submit(w.ana, `{"msg":1}`)
	w.start(slot, 0)

	var gpus struct{ GPUs []api.Device }
	w.ok(w.do(w.bob, "GET", "/gpus", nil), 200, &gpus)
	var hosts struct{ Hosts []api.Host }
	w.ok(w.do(w.bob, "GET", "/hosts", nil), 200, &hosts)
	for _, list := range [][]api.Device{gpus.GPUs, hosts.Hosts[0].Devices} {
		for _, d := range list {
			if d.Simulated != (d.UUID == "SIM-1") {
				t.Errorf("%s: simulated is %v", d.UUID, d.Simulated)
			}
		}
	}
	var leases struct{ Leases []api.Lease }
	w.ok(w.do(w.admin, "GET", "/leases", nil), 200, &leases)
	for _, l := range leases.Leases {
		if l.Simulated != (l.Job == made) {
			t.Errorf("lease of job %d: simulated is %v", l.Job, l.Simulated)
		}
	}
	for id, want := range map[scheduler.JobID]bool{made: true, slot: false} {
		if j := w.job(w.ana, id); j.Attempts[0].Simulated != want || j.Lease.Simulated != want {
			t.Errorf("job %d: simulated is %v, lease %v", id, j.Attempts[0].Simulated, j.Lease.Simulated)
		}
	}
	waits := w.submit(w.ana, `{"msg":1,"gpu_type":"H200"}`)
	var why api.Why
	w.ok(w.do(w.ana, "GET", path(waits, "/why"), nil), 200, &why)
	if len(why.Devices) != 1 || !why.Devices[0].Simulated || !strings.Contains(why.Reasons[0].Text, "node1 #2 (simulated) is held by ana") {
		t.Errorf("why: %+v", why)
	}
	var used api.Usage
	w.ok(w.do(w.ana, "GET", "/usage?by=device", nil), 200, &used)
	for _, u := range used.Usage {
		if u.Simulated != (u.Device == "SIM-1") {
			t.Errorf("usage of %s: simulated is %v", u.Device, u.Simulated)
		}
	}
	w.stream(path(made, "/events")).want(t, `"kind":"running","text":"on node1 (simulated)"`)
	w.stream(path(slot, "/events")).want(t, `"kind":"running","text":"on node1"`)
	for id, want := range map[scheduler.JobID]string{made: `"then":"requeue","simulated":true}`, slot: `"then":"requeue"}`} {
		events := w.stream(path(id, "/events"))
		w.ok(w.do(w.admin, "POST", "/gpus/"+w.job(w.ana, id).Attempts[0].Devices[0]+"/drain?deadline=1h&reason=fan", nil), 200, nil)
		events.want(t, want)
	}
	if n := w.metric(`mlq_simulated_devices{host="node1"}`); n != 1 {
		t.Errorf("mlq_simulated_devices is %v", n)
	}
}
