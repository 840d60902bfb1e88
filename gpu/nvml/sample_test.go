//go:build linux && cgo

package nvml

import (
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/gpu/nvml/standin"
)

func TestDevicesTellWhatTheyAre(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 2).Use()
	s.Set("1.display", "1")
	s.Set("1.minor", "7")
	s.Set("1.bus", "0001:af:00.0")
	s.Set("cuda", "12080")
	p := opened(t)
	want := gpu.Device{
		UUID: standin.UUID(1), Index: 1, Kind: gpu.KindGPU, Model: "NVIDIA H100 80GB HBM3", Memory: 81559 << 20,
		ComputeCapability: 90, PCI: "0001:af:00.0", Minor: 7, Display: true,
	}
	devices := list(t, p)
	if len(devices) != 2 || devices[0].PCI != standin.Bus(0) || devices[0].Display {
		t.Errorf("devices: %+v", devices)
	}
	if d := cmp.Diff(want, devices[1]); d != "" {
		t.Error(d)
	}
	info := p.Info()
	if info.Driver != "580.95.05" || info.CUDA != "12.8" || info.Problem != "" || len(info.Warnings) != 0 || info.Detached {
		t.Errorf("info: %+v", info)
	}
}

func TestAnIdleDevice(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	standin.New(t, 1).Use()
	got := well(t, opened(t), standin.UUID(0))
	got.At = 0
	want := gpu.Sample{
		UUID: standin.UUID(0), RecoveryKnown: true, Uncorrected: new(int64),
		Readings: gpu.Readings{Utilization: new(0), Temperature: new(31), Power: new(70123), PowerLimit: new(700000), Clock: new(345), Free: new(int64(81559-551) << 20)},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAForeignProcessComesAndGoes(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 2).Use()
	p := opened(t)
	pid := sleeper(t)
	s.AddProcess(1, standin.Process{PID: pid, MiB: 160})
	seen := well(t, p, standin.UUID(1))
	if len(seen.Processes) != 1 || seen.Used != 160<<20 || *seen.Readings.Free != (81559-551-160)<<20 {
		t.Fatalf("sample: %+v", seen)
	}
	got := seen.Processes[0]
	if got.PID != pid || got.UID != os.Getuid() || got.Name != "sleep" || got.Started == 0 || got.Memory != 160<<20 || got.Graphics {
		t.Errorf("process: %+v", got)
	}
	if other := well(t, p, standin.UUID(0)); len(other.Processes) != 0 || other.Used != 0 {
		t.Errorf("its neighbour: %+v", other)
	}
	s.RemoveProcess(1, pid)
	if gone := well(t, p, standin.UUID(1)); len(gone.Processes) != 0 || gone.Used != 0 {
		t.Errorf("after it has left: %+v", gone)
	}
	s.Set("1.mem.used", "900")
	if left := well(t, p, standin.UUID(1)); left.Used != 900<<20 {
		t.Errorf("what it left behind: %+v", left)
	}
}

// A process that draws and computes computes; a client of MPS computes; memory
// that is not told is not 16 EiB.
func TestKindsOfProcesses(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	p := opened(t)
	for _, x := range []standin.Process{
		{PID: 2000001, MiB: 10},
		{PID: 2000001, MiB: 30, Kind: "graphics"},
		{PID: 2000002, MiB: 20, Kind: "graphics"},
		{PID: 2000003, MiB: -1, Kind: "mps"},
	} {
		s.AddProcess(0, x)
	}
	want := []gpu.Process{
		{PID: 2000001, UID: -1, Memory: 30 << 20},
		{PID: 2000003, UID: -1, Memory: -1},
		{PID: 2000002, UID: -1, Memory: 20 << 20, Graphics: true},
	}
	if d := cmp.Diff(want, well(t, p, standin.UUID(0)).Processes); d != "" {
		t.Error(d)
	}
}

func TestALostGPUStaysListedAndAlone(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 3).Use()
	p := opened(t)
	before := list(t, p)
	s.Lose(1)
	ill(t, p, standin.UUID(1), gpu.FaultLost)
	well(t, p, standin.UUID(0))
	well(t, p, standin.UUID(2))
	if d := cmp.Diff(before, list(t, p)); d != "" {
		t.Error("the devices are others:", d)
	}
	if w := p.Info().Warnings; len(w) != 1 {
		t.Errorf("warnings: %q", w)
	}
	s.Regain(1)
	well(t, p, standin.UUID(1))
	list(t, p)
	if info := p.Info(); len(info.Warnings) != 0 || info.Problem != "" {
		t.Errorf("when it is back: %+v", info)
	}
}

// A GPU that is lost before it was ever seen has no UUID: it is no device, and
// is told of.
func TestAGPUThatIsLostFromTheStart(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 2).Use()
	s.Lose(0)
	p := opened(t)
	if got := uuids(list(t, p)); !slices.Equal(got, []string{standin.UUID(1)}) {
		t.Errorf("devices %q", got)
	}
	if w := p.Info().Warnings; len(w) != 1 {
		t.Errorf("warnings: %q", w)
	}
	s.Regain(0)
	if got := uuids(list(t, p)); len(got) != 2 {
		t.Errorf("devices %q", got)
	}
}

func TestFaultsOfOneDevice(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 2).Use()
	p := opened(t)
	list(t, p)
	for code, want := range map[string]gpu.Fault{
		"15": gpu.FaultLost, "16": gpu.FaultReset, "10": gpu.FaultTimeout, "999": gpu.FaultOther, "14": gpu.FaultOther,
		"6": gpu.FaultGone, "4": gpu.FaultDown, "17": gpu.FaultDown,
		"20": gpu.FaultDown, "23": gpu.FaultDown, "27": gpu.FaultDown, // of the machine
	} {
		s.Set("0.ret.nvmlDeviceGetMemoryInfo_v2", code)
		ill(t, p, standin.UUID(0), want)
		well(t, p, standin.UUID(1))
		if problem := p.Info().Problem; problem != "" {
			t.Errorf("%s of one GPU: nothing can be asked, for %s", code, problem)
		}
	}
	s.Unset("0.ret.nvmlDeviceGetMemoryInfo_v2")
	s.Set("0.reset", "1")
	ill(t, p, standin.UUID(0), gpu.FaultReset)
}

// What a device need not know is no fault of it, except that it is lost.
func TestAReadingThatFails(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	p := opened(t)
	for _, code := range []string{"2", "3", "4", "6", "20", "27", "999"} {
		s.Set("ret.nvmlDeviceGetPowerUsage", code)
		if got := well(t, p, standin.UUID(0)); got.Readings.Power != nil || got.Readings.Temperature == nil {
			t.Errorf("%s: %+v", code, got.Readings)
		}
	}
	s.Set("ret.nvmlDeviceGetPowerUsage", "15")
	ill(t, p, standin.UUID(0), gpu.FaultLost)
}

// Several GPUs that only have unknown errors to tell are not all broken.
func TestUnknownErrorsOfAllAreNobodysFault(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 2).Use()
	p := opened(t)
	list(t, p)
	s.Set("ret.nvmlDeviceGetMemoryInfo_v2", "999")
	ill(t, p, standin.UUID(0), gpu.FaultOther) // so far it may be this one
	ill(t, p, standin.UUID(1), gpu.FaultDown)
	ill(t, p, standin.UUID(0), gpu.FaultDown)
	if p.Info().Problem == "" {
		t.Error("nobody says why")
	}
	s.Unset("ret.nvmlDeviceGetMemoryInfo_v2")
	well(t, p, standin.UUID(0))
	if problem := p.Info().Problem; problem != "" {
		t.Error("after an answer:", problem)
	}
}

func TestTheDriverIsUnloadedWhileItIsUsed(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	p := opened(t)
	list(t, p)
	s.Set("ret.all", "9")
	ill(t, p, standin.UUID(0), gpu.FaultDown)
	if _, err := p.Devices(t.Context()); err == nil {
		t.Error("it tells devices")
	}
	if p.Info().Problem == "" {
		t.Error("nobody says why")
	}
}

// A container that has lost its right to the devices, of which none was looked at yet.
func TestTheDriverDoesNotTellHowManyGPUsThereAre(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	s.Set("ret.nvmlDeviceGetCount_v2", "999")
	p := opened(t)
	if _, err := p.Devices(t.Context()); err == nil || err.Error() != p.Info().Problem {
		t.Errorf("%v, and the problem is %q", err, p.Info().Problem)
	}
	ill(t, p, standin.UUID(0), gpu.FaultDown)
	s.Unset("ret.nvmlDeviceGetCount_v2")
	list(t, p)
	if problem := p.Info().Problem; problem != "" {
		t.Error("after an answer:", problem)
	}
}

func TestAnUnknownDeviceIsGone(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	standin.New(t, 1).Use()
	ill(t, opened(t), "GPU-nobody", gpu.FaultGone)
}

func TestComputeModeProhibited(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	p := opened(t)
	for mode, want := range map[string]bool{"0": false, "2": true, "3": false} {
		s.Set("0.mode", mode)
		if got := well(t, p, standin.UUID(0)).Prohibited; got != want {
			t.Errorf("mode %s: prohibited is %v", mode, got)
		}
	}
}

// A GPU that uses the machine's memory tells no size; then the processes' is all
// that is known, and without it nothing is.
func TestAGPUWithoutMemoryOfItsOwn(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	s.Unset("0.mem.total")
	s.AddProcess(0, standin.Process{PID: 2000001, MiB: 70})
	s.AddProcess(0, standin.Process{PID: 2000002, MiB: -1})
	p := opened(t)
	if d := list(t, p)[0]; d.Memory < 64<<20 || d.Memory != sharedMemory() {
		t.Errorf("it has %d bytes", d.Memory)
	}
	if got := well(t, p, standin.UUID(0)); got.Used != 70<<20 {
		t.Errorf("used: %d", got.Used)
	}
	s.Set("ret.nvmlDeviceGetComputeRunningProcesses_v3", "3")
	ill(t, p, standin.UUID(0), gpu.FaultOther)
}
