package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/gpu/nvml/standin"
	"github.com/mlq-dev/mlq/gpu/probe"
)

// The real mlq nvml-probe, go-nvml in it, and NVML's stand-in: what a driver
// does to the agent's side of the pipe.

const nvmlLibrary = "libnvidia-ml.so.1"

// driver is a probe of a stand-in, whose library lies in a folder of its own.
type driver struct {
	*probe.Probe
	*standin.State

	t      *testing.T
	folder string
}

// soon are times in which a test waits for what the default lets happen later;
// the deadline of a sample is the real one.
var soon = probe.Times{Open: 2 * time.Second, Hang: 4 * time.Second, Look: 50 * time.Millisecond, Reopen: 200 * time.Millisecond, PauseLeast: 50 * time.Millisecond}

// startDriver begins with a state that the test may have changed, and the
// library in the folder, if there is one.
func startDriver(t *testing.T, state *standin.State, folder string) *driver {
	t.Helper()
	state.Beside(folder)
	t.Setenv("LD_LIBRARY_PATH", folder)
	log := &output{}
	p, err := probe.New(probe.Options{Command: []string{binary, "nvml-probe"}, Library: nvmlLibrary, Times: soon, Log: zerolog.New(log)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return &driver{p, state, t, folder}
}

func (d *driver) sample(i int) gpu.Sample {
	d.t.Helper()
	s, err := d.Sample(d.t.Context(), standin.UUID(i))
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

// becomes waits until what is seen is so.
func (d *driver) becomes(what string, is func() bool) {
	d.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(startPatience); !is(); <-tick.C {
		if time.Now().After(until) {
			d.t.Fatalf("not within %s: %s; the driver: %+v", startPatience, what, d.Info())
		}
	}
}

func (d *driver) answers(i int) {
	d.t.Helper()
	d.becomes(standin.UUID(i)+" answers", func() bool { return d.sample(i).Fault == gpu.FaultNone })
}

// refuses waits until the problem is told in these words, and everything is down.
func (d *driver) refuses(words string) {
	d.t.Helper()
	d.becomes("the words "+words, func() bool { return strings.Contains(d.Info().Problem, words) })
	if s := d.sample(0); s.Fault != gpu.FaultDown || !strings.Contains(s.Err, words) {
		d.t.Errorf("a sample meanwhile: %+v", s)
	}
}

// TestDriverComesLater: an agent that is started before the driver is there has
// its devices as soon as it is.
func TestDriverComesLater(t *testing.T) {
	built, folder := standin.Build(t), t.TempDir()
	d := startDriver(t, standin.New(t, 2), folder)
	d.refuses("install the driver")
	if devices, err := d.Devices(t.Context()); err == nil || devices != nil {
		t.Errorf("%v, %v", devices, err)
	}
	copyLibrary(t, built, folder)
	d.answers(1)
	if devices, err := d.Devices(t.Context()); err != nil || len(devices) != 2 {
		t.Errorf("%v, %v", devices, err)
	}
}

func copyLibrary(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(from, nvmlLibrary))
	if err == nil {
		err = os.WriteFile(filepath.Join(to, "new"), text, 0o755)
	}
	if err == nil {
		err = os.Rename(filepath.Join(to, "new"), filepath.Join(to, nvmlLibrary))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestDriverRefuses: what NVML's Init answers is told in words that say what mends
// it, and asked again.
func TestDriverRefuses(t *testing.T) {
	for code, words := range map[string]string{"9": "not loaded", "18": "different versions", "999": "unknown error"} {
		t.Run(code, func(t *testing.T) {
			state := standin.New(t, 1)
			state.Set("init", code)
			d := startDriver(t, state, standin.Build(t))
			d.refuses(words)
			d.Unset("init")
			d.answers(0)
			if p := d.Info().Problem; p != "" {
				t.Errorf("it answers, and has the problem %q", p)
			}
		})
	}
}

// TestDriverLacks: a function without which nothing can be told, and an old driver.
func TestDriverLacks(t *testing.T) {
	startDriver(t, standin.New(t, 1), standin.Build(t, "nvmlDeviceGetUUID")).refuses("no function nvmlDeviceGetUUID")
	startDriver(t, standin.New(t, 1), standin.Build(t, standin.OldDriver...)).answers(0)
}

// TestDriverHangs: in its opening, and for one device.
func TestDriverHangs(t *testing.T) {
	state := standin.New(t, 2)
	state.Set("hang.nvmlInit_v2", "1")
	d := startDriver(t, state, standin.Build(t))
	d.refuses("did not open within 2s")
	d.Unset("hang.nvmlInit_v2")
	d.answers(1)

	d.Set("1.hang.all", "1")
	if s := d.sample(1); s.Fault != gpu.FaultTimeout {
		t.Errorf("the device that hangs: %+v", s)
	}
	inits := d.Calls("nvmlInit_v2", -1)
	for until := time.Now().Add(2 * soon.Hang); time.Now().Before(until); {
		if s := d.sample(0); s.Fault != gpu.FaultNone {
			t.Fatalf("its neighbour: %+v", s)
		}
	}
	if s := d.sample(1); s.Fault != gpu.FaultTimeout {
		t.Errorf("the device that hangs, later: %+v", s)
	}
	d.Unset("1.hang.all")
	d.answers(1)
	if n := d.Calls("nvmlInit_v2", -1); n != inits {
		t.Errorf("the driver was opened %d times more", n-inits)
	}
	d.Set("hang.all", "1")
	d.becomes("the end of a probe in which everything hangs", func() bool {
		d.sample(0)
		return d.sample(1).Fault == gpu.FaultDown
	})
	d.Unset("hang.all")
	d.answers(0)
}

// TestDriverUpgraded: under a running agent. A package puts another library in
// the place of the one that is loaded.
func TestDriverUpgraded(t *testing.T) {
	built, folder := standin.Build(t), t.TempDir()
	copyLibrary(t, built, folder)
	d := startDriver(t, standin.New(t, 1), folder)
	d.answers(0)
	d.Set("init", "18") // the kernel still has the old driver; who is open goes on
	d.answers(0)
	copyLibrary(t, built, folder)
	d.refuses("different versions")
	d.Set("driver", "590.1")
	d.Unset("init")
	d.answers(0)
	if got := d.Info().Driver; got != "590.1" {
		t.Errorf("the driver is %s", got)
	}
}

// TestDriverLosesGPU: one look later it is lost, and its neighbour is well.
func TestDriverLosesGPU(t *testing.T) {
	d := startDriver(t, standin.New(t, 2), standin.Build(t))
	d.answers(1)
	events := d.Watch(t.Context())
	d.Lose(1)
	if s := d.sample(1); s.Fault != gpu.FaultLost {
		t.Errorf("the lost GPU: %+v", s)
	}
	if s := d.sample(0); s.Fault != gpu.FaultNone {
		t.Errorf("its neighbour: %+v", s)
	}
	d.Xid(1, 79)
	select {
	case e := <-events:
		if e.Xid != 79 || e.UUID != standin.UUID(1) {
			t.Errorf("the event is %+v", e)
		}
	case <-time.After(startPatience):
		t.Error("no event")
	}
	d.Regain(1)
	d.answers(1)
}
