//go:build linux && cgo

package nvml

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/gpu/nvml/standin"
)

func TestTheDriverDoesNotOpen(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	for code, want := range map[int]string{9: "modprobe", 18: "different versions", 999: "unknown error", 4: "/dev/nvidia", 11: "error 11"} {
		s.Set("init", fmt.Sprint(code))
		_, err := Open()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Init %d: %v", code, err)
		}
	}
	s.Unset("init")
	well(t, opened(t), standin.UUID(0))
}

func TestThereIsNoLibrary(t *testing.T) {
	if standin.RunInChildAt(t, t.TempDir) {
		return
	}
	if _, err := Open(); err == nil || !strings.Contains(err.Error(), "install the driver") {
		t.Error(err)
	}
}

func TestTheLibraryIsBroken(t *testing.T) {
	broken := func() string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, file), []byte("half of a library"), 0o755); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	if standin.RunInChildAt(t, broken) {
		return
	}
	if _, err := Open(); err == nil || !strings.Contains(err.Error(), file) {
		t.Error(err)
	}
}

func TestTheLibraryLacksWhatIsNeeded(t *testing.T) {
	for _, some := range needed {
		t.Run(some[0], func(t *testing.T) {
			if standin.RunInChild(t, some...) {
				return
			}
			standin.New(t, 1).Use()
			if _, err := Open(); err == nil || !strings.Contains(err.Error(), some[0]) {
				t.Error(err)
			}
		})
	}
}

// everything asks a provider everything, once.
func everything(t *testing.T, s *standin.State) {
	t.Helper()
	s.Cut(0, half(0, "MIG-"+standin.UUID(0)+"/1/0", 1))
	s.Set("1.link.0", "2")
	s.Set("2.link.0", "switch")
	s.Set("topo.1.2", "10")
	p := opened(t)
	ctx, cancel := context.WithCancel(t.Context())
	events := p.Watch(ctx)
	for _, d := range list(t, p) {
		well(t, p, d.UUID)
	}
	if _, err := p.Links(t.Context()); err != nil {
		t.Error(err)
	}
	well(t, p, standin.UUID(2))
	p.Info()
	// Two rounds of the watch.
	eventually(t, "the devices are looked at", func() bool { return s.Calls("nvmlDeviceGetUUID", 2) > 3 })
	cancel()
	for range events { // until it is closed
	}
}

// go-nvml ends the process when it calls a function that the library lacks.
func TestAFunctionIsMissing(t *testing.T) {
	for _, name := range optional {
		t.Run(name, func(t *testing.T) {
			if standin.RunInChild(t, name) {
				return
			}
			everything(t, standin.New(t, 3).Use())
		})
	}
}

// Each function without its older and newer forms.
func TestAFunctionIsMissingInAllForms(t *testing.T) {
	for _, names := range [][]string{pciInfo, remotePCI, eventWait, compute, graphics, mps, {"nvmlSystemGetCudaDriverVersion", "nvmlSystemGetCudaDriverVersion_v2"}} {
		t.Run(names[0], func(t *testing.T) {
			if standin.RunInChild(t, names...) {
				return
			}
			everything(t, standin.New(t, 3).Use())
		})
	}
}

func TestALibraryWithNothingButTheNeeded(t *testing.T) {
	if standin.RunInChild(t, optional...) {
		return
	}
	standin.New(t, 1).Use()
	p := opened(t)
	if d := list(t, p); len(d) != 1 || d[0].UUID != standin.UUID(0) {
		t.Errorf("devices: %+v", d)
	}
	// Neither memory nor processes are told: nothing says that it is free.
	ill(t, p, standin.UUID(0), gpu.FaultOther)
	events := p.Watch(t.Context())
	eventually(t, "it is told that Xids are not", func() bool { return len(p.Info().Warnings) == 1 })
	select {
	case e := <-events:
		t.Errorf("event %+v", e)
	default:
	}
}

func TestAnOldDriver(t *testing.T) {
	if standin.RunInChild(t, standin.OldDriver...) {
		return
	}
	s := standin.New(t, 1).Use()
	s.Set("driver", "418.226.00")
	s.Unset("0.field.230", "0.remap", "0.mig")
	pid := sleeper(t)
	s.AddProcess(0, standin.Process{PID: pid, MiB: 300})
	p := opened(t)
	if d := list(t, p); len(d) != 1 || d[0].Memory != 81559<<20 || d[0].PCI != standin.Bus(0) {
		t.Errorf("devices: %+v", d)
	}
	got := well(t, p, standin.UUID(0))
	if !got.WithReserve || got.Used != (300+551)<<20 || *got.Readings.Free != (81559-300-551)<<20 || len(got.Processes) != 1 || got.Processes[0].PID != pid || got.RecoveryKnown {
		t.Errorf("sample: %+v", got)
	}
}

func TestADriverWhoseListsAreWrong(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	s.Set("driver", "535.54.03")
	s.AddProcess(0, standin.Process{PID: 2000001, MiB: 300})
	p := opened(t)
	got := well(t, p, standin.UUID(0))
	if !got.Unlisted || len(got.Processes) != 0 || got.Used != 300<<20 {
		t.Errorf("sample: %+v", got)
	}
	for _, name := range slices.Concat(compute, graphics, mps) {
		if n := s.Calls(name, 0); n != 0 {
			t.Errorf("%s was called %d times, with records of another size", name, n)
		}
	}
	if w := p.Info().Warnings; len(w) != 1 || !strings.Contains(w[0], "535.54.03") {
		t.Errorf("warnings: %q", w)
	}
}

func TestAListThatIsRefused(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 1).Use()
	p := opened(t)
	s.Set("ret.nvmlDeviceGetGraphicsRunningProcesses_v3", "3")
	if got := well(t, p, standin.UUID(0)); got.Unlisted {
		t.Error("without a list of those that draw it is unlisted")
	}
	s.Set("ret.nvmlDeviceGetComputeRunningProcesses_v3", "3")
	if got := well(t, p, standin.UUID(0)); !got.Unlisted {
		t.Error("without a list of those that compute it is not unlisted")
	}
}

// A card on which little memory is in use would be free without its processes.
func TestAListThatFails(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 2).Use()
	s.AddProcess(0, standin.Process{PID: 2000001, MiB: 100})
	p := opened(t)
	for _, kind := range []string{"Compute", "MPSCompute"} {
		call := "0.ret.nvmlDeviceGet" + kind + "RunningProcesses_v3"
		for code, want := range map[string]gpu.Fault{"999": gpu.FaultOther, "1": gpu.FaultDown, "4": gpu.FaultDown} {
			s.Set(call, code)
			ill(t, p, standin.UUID(0), want)
			well(t, p, standin.UUID(1))
		}
		s.Unset(call)
	}
	s.Set("0.ret.nvmlDeviceGetGraphicsRunningProcesses_v3", "999")
	if got := well(t, p, standin.UUID(0)); len(got.Processes) != 1 {
		t.Errorf("who draws decides nothing, and is not told: %+v", got)
	}
}
