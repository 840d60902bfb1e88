//go:build linux && cgo

package nvml

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/gpu/nvml/standin"
)

func TestASliceIsADeviceOfItsOwn(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	s.Cut(0, half(1, "MIG-a", 1), half(4, "MIG-b", 2))
	s.AddProcess(0, standin.Process{PID: 2000001, MiB: 500, Sliced: true, GI: 2})
	p := opened(t)
	devices := list(t, p)
	want := gpu.Device{
		UUID: "MIG-b", Index: 1, Kind: gpu.KindMIG, Model: "NVIDIA H100 80GB HBM3 MIG 40gb", Memory: 40320 << 20,
		ComputeCapability: 90, PCI: standin.Bus(0), Parent: standin.UUID(0), GI: 2, CI: 0,
	}
	if len(devices) != 2 {
		t.Fatalf("devices: %+v", devices)
	}
	if d := cmp.Diff(want, devices[1]); d != "" {
		t.Error(d)
	}
	a, b := well(t, p, "MIG-a"), well(t, p, "MIG-b")
	if len(a.Processes) != 0 || a.Used != 0 {
		t.Errorf("the idle slice: %+v", a)
	}
	if len(b.Processes) != 1 || b.Used != 500<<20 {
		t.Errorf("the busy slice: %+v", b)
	}
	if r := b.Readings; r.Utilization != nil || r.Clock != nil || r.Temperature == nil || *r.Temperature != 31 || r.Power == nil {
		t.Errorf("its readings: %+v", r)
	}
	s.Set("0.field.230", "1")
	s.Lose(0)
	ill(t, p, "MIG-a", gpu.FaultLost)
	ill(t, p, "MIG-b", gpu.FaultLost)
	s.Regain(0)
	if got := well(t, p, "MIG-a"); got.Recovery != recovery(1) {
		t.Errorf("the GPU asks for something: %+v", got)
	}
}

// A GPU of which it is not known whether it is cut is never leased as a whole.
func TestAGPUThatDoesNotSayWhetherItIsCut(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	s.Cut(0, half(0, "MIG-a", 1))
	s.Set("ret.nvmlDeviceGetMigMode", "999")
	p := opened(t)
	if devices := list(t, p); len(devices) != 0 {
		t.Errorf("devices: %+v", devices)
	}
	s.Unset("ret.nvmlDeviceGetMigMode")
	list(t, p)
	for _, code := range []string{"999", "4", "15"} {
		s.Set("ret.nvmlDeviceGetMigMode", code)
		if devices := list(t, p); len(devices) != 1 || devices[0].UUID != "MIG-a" {
			t.Errorf("%s: devices: %+v", code, devices)
		}
	}
}

func TestMIGWithoutSlices(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 2).Use()
	s.Cut(0)
	s.Set("1.mig.pending", "1")
	p := opened(t)
	if got := uuids(list(t, p)); len(got) != 1 || got[0] != standin.UUID(1) {
		t.Errorf("devices %q", got)
	}
	w := p.Info().Warnings
	if len(w) != 2 || !strings.Contains(w[0], standin.UUID(0)) || !strings.Contains(w[1], standin.UUID(1)) {
		t.Errorf("warnings: %q", w)
	}
}

func TestSlicesOfOldDrivers(t *testing.T) {
	if standin.RunInChild(t, "nvmlDeviceGetGpuInstanceId", "nvmlDeviceGetComputeInstanceId") {
		return
	}
	s := standin.New(t, 1).Use()
	uuid := "MIG-" + standin.UUID(0) + "/5/1"
	s.Cut(0, standin.Slice{Index: 0, UUID: uuid, GI: 5, CI: 1, MiB: 4864})
	p := opened(t)
	if d := list(t, p); len(d) != 1 || d[0].UUID != uuid || d[0].GI != 5 || d[0].CI != 1 {
		t.Errorf("devices: %+v", d)
	}
	well(t, p, uuid)
}

// Of a slice that does not tell which instance it is, everybody on the GPU may
// be a user.
func TestASliceThatDoesNotTellItsInstance(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	s.Cut(0, half(1, "MIG-a", 1))
	s.Set("ret.nvmlDeviceGetGpuInstanceId", "999")
	s.AddProcess(0, standin.Process{PID: 2000001, MiB: 50, Sliced: true, GI: 1})
	p := opened(t)
	if d := list(t, p); len(d) != 1 || d[0].GI != -1 {
		t.Fatalf("devices: %+v", d)
	}
	if got := well(t, p, "MIG-a"); len(got.Processes) != 1 {
		t.Errorf("sample: %+v", got)
	}
}

// Who makes the reading of a process's name wait keeps the look at one slice
// waiting, not those at its neighbours or at what the GPU is.
func TestAProcessWhoseNameCannotBeRead(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	held := make(chan struct{})
	defer close(held)
	fill = func(q *gpu.Process) {
		if q.PID == 2000001 {
			<-held
		}
	}
	s := standin.New(t, 1).Use()
	s.Cut(0, half(1, "MIG-a", 1), half(4, "MIG-b", 2))
	s.AddProcess(0, standin.Process{PID: 2000001, MiB: 500, Sliced: true, GI: 1})
	p := opened(t)
	if got, err := p.Sample(soon(t), "MIG-a"); err != nil || got.Fault != gpu.FaultTimeout {
		t.Errorf("sample %+v, %v", got, err)
	}
	if got, err := p.Sample(soon(t), "MIG-b"); err != nil || got.Fault != gpu.FaultNone {
		t.Errorf("its neighbour: sample %+v, %v", got, err)
	}
	if d := list(t, p); len(d) != 2 || len(p.Info().Warnings) != 0 {
		t.Errorf("devices %+v, %q", d, p.Info().Warnings)
	}
}
