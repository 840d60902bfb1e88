//go:build linux && cgo

package standin_test

import (
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/mlq-dev/mlq/gpu/nvml/standin"
)

// start initializes the library that this process finds.
func start(t *testing.T) {
	t.Helper()
	must(t, nvml.Init())
	t.Cleanup(func() { must(t, nvml.Shutdown()) })
}

func must(t *testing.T, r nvml.Return) {
	t.Helper()
	if r != nvml.SUCCESS {
		t.Fatal("NVML answers", int(r), r)
	}
}

// device is the GPU at an index, which is the one that the state names: a
// library that reads no state would answer something else.
func device(t *testing.T, i int) nvml.Device {
	t.Helper()
	d, r := nvml.DeviceGetHandleByIndex(i)
	must(t, r)
	uuid, r := d.GetUUID()
	must(t, r)
	if uuid != standin.UUID(i) {
		t.Fatalf("GPU %d is %s", i, uuid)
	}
	return d
}

func TestAnswersWhatTheStateSays(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 2).Use()
	start(t)
	d := device(t, 1)
	s.AddProcess(1, standin.Process{PID: 4711, MiB: 300})
	s.AddProcess(1, standin.Process{PID: 4712, MiB: -1})
	list, r := d.GetComputeRunningProcesses()
	must(t, r)
	if len(list) != 2 || list[0].Pid != 4711 || list[0].UsedGpuMemory != 300<<20 || list[1].UsedGpuMemory != ^uint64(0) {
		t.Errorf("processes: %+v", list)
	}
	m, r := d.GetMemoryInfo_v2()
	must(t, r)
	if m.Total-m.Free-m.Reserved != 300<<20 {
		t.Errorf("memory: %+v", m)
	}
	s.RemoveProcess(1, 4711)
	if list, _ = d.GetComputeRunningProcesses(); len(list) != 1 || list[0].Pid != 4712 {
		t.Errorf("after one has left: %+v", list)
	}
}

func TestALostGPUAnswersNothing(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 2).Use()
	start(t)
	lost, well := device(t, 0), device(t, 1)
	s.Lose(0)
	if _, r := lost.GetTemperature(nvml.TEMPERATURE_GPU); r != nvml.ERROR_GPU_IS_LOST {
		t.Error("of the lost GPU:", r)
	}
	if _, r := well.GetTemperature(nvml.TEMPERATURE_GPU); r != nvml.SUCCESS {
		t.Error("of its neighbour:", r)
	}
	if n := s.Calls("nvmlDeviceGetTemperature", 0); n != 1 {
		t.Error("counted", n, "calls")
	}
}

func TestEventsReachThoseWhoAskedForThem(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 2).Use()
	start(t)
	device(t, 0)
	s.Xid(1, 13) // before anybody asks
	set, r := nvml.EventSetCreate()
	must(t, r)
	must(t, device(t, 1).RegisterEvents(nvml.EventTypeXidCriticalError, set))
	s.Xid(0, 31) // nobody asked for this GPU's
	s.SliceXid(1, 79, 2, 0)
	e, r := set.Wait(5000)
	must(t, r)
	if e.EventData != 79 || e.GpuInstanceId != 2 {
		t.Errorf("event %+v", e)
	}
	if _, r := set.Wait(20); r != nvml.ERROR_TIMEOUT {
		t.Error("another event:", r)
	}
	s.Xid(1, 43)
	if e, r := set.Wait(0); r != nvml.SUCCESS || e.EventData != 43 {
		t.Error("an event that is there, without waiting:", r)
	}
	if _, r := set.Wait(0); r != nvml.ERROR_TIMEOUT {
		t.Error("none that is there, without waiting:", r)
	}
}

func TestSlicesDieWithTheirUUID(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	start(t)
	d := device(t, 0)
	s.Cut(0, standin.Slice{Index: 3, UUID: "MIG-a", GI: 1, MiB: 9856})
	if _, r := d.GetMigDeviceHandleByIndex(0); r != nvml.ERROR_NOT_FOUND {
		t.Error("a gap answers", r)
	}
	slice, r := d.GetMigDeviceHandleByIndex(3)
	must(t, r)
	s.Cut(0, standin.Slice{Index: 3, UUID: "MIG-b", GI: 1, MiB: 9856})
	if _, r := slice.GetUUID(); r != nvml.ERROR_INVALID_ARGUMENT {
		t.Error("a slice that is gone answers", r)
	}
}

func TestAnOldDriverLacksFunctions(t *testing.T) {
	if standin.RunInChild(t, standin.OldDriver...) {
		return
	}
	s := standin.New(t, 1).Use()
	s.AddProcess(0, standin.Process{PID: 4711, MiB: 300})
	start(t)
	for _, name := range standin.OldDriver {
		if nvml.Extensions().LookupSymbol(name) == nil {
			t.Error("it has", name)
		}
	}
	list, r := device(t, 0).GetComputeRunningProcesses()
	must(t, r)
	if len(list) != 1 || list[0].Pid != 4711 {
		t.Errorf("processes in the oldest form: %+v", list)
	}
}
