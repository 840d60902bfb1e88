package api_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// TestADeviceIsListedOnce: the agent of a host and one of its cards list the same
// one; GET /gpus and the metrics have it once, as the one tells it that has it.
func TestADeviceIsListedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.join()
	card := scheduler.DeviceReport{State: gpu.Free, Device: gpu.Device{UUID: "GPU-0", Kind: gpu.KindGPU, Model: "NVIDIA H100", Memory: 80 << 30}}
	w.inv.Devices = []scheduler.DeviceReport{card}
	w.report()
	one := scheduler.Inventory{Host: "node1@0", BootID: w.inv.BootID, Version: "test", Environments: w.inv.Environments, Devices: []scheduler.DeviceReport{card}}
	joined, err := w.sched.Join(t.Context(), one, nil, nil)
	must(w, err)
	if got := w.gpus(w.bob).GPUs; len(got) != 1 || got[0].Host != "node1" || cmp.Diff([]string{"node1@0"}, got[0].AlsoOn) != "" {
		t.Errorf("two agents that are free show %+v", got)
	}
	id := w.submit(w.ana, `{"gpus":1,"msg":1}`)
	_, err = w.sched.Claim(t.Context(), scheduler.ClaimRequest{
		Host: "node1@0", Epoch: joined.Epoch, Job: id, Devices: []string{"GPU-0"}, ClaimID: "claim-1", TokenSHA256: make([]byte, 32),
	})
	must(w, err)
	w.inv.Devices[0].State, w.inv.Devices[0].Reason = gpu.Foreign, "its lock is held by process 7 (mlq) of root"
	w.report()
	if got := w.gpus(w.bob).GPUs; len(got) != 1 || got[0].Host != "node1@0" || got[0].State != gpu.Leased || got[0].User != "ana" || got[0].Reason != "" {
		t.Errorf("the one that has it shows %+v", got)
	}
	var hosts struct{ Hosts []api.Host }
	w.ok(w.do(w.bob, "GET", "/hosts", nil), 200, &hosts)
	if len(hosts.Hosts) != 2 || len(hosts.Hosts[0].Devices) != 1 || len(hosts.Hosts[1].Devices) != 1 {
		t.Errorf("the hosts tell %+v", hosts)
	}
	text := w.metrics()
	for _, want := range []string{`mlq_devices{host="node1",state="leased"} 0`, `mlq_devices{host="node1",state="foreign"} 0`, `mlq_devices{host="node1@0",state="leased"} 1`} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	if n := strings.Count(text, "\nmlq_device_info{"); n != 1 {
		t.Errorf("%d devices have series", n)
	}
}
