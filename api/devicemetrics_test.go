package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// metered is a host with a GPU whose readings are known, one whose driver does not
// tell them, one that cannot be asked now, and a slice.
func metered(t *testing.T, change ...func(*api.Options)) *world {
	t.Helper()
	w := cards(t, change...)
	clock, degrees, percent, milliwatts, free := 1980, 65, 97, 301_500, int64(60889)<<20 // 551 MiB are the driver's
	w.inv.Devices[0].Readings = gpu.Readings{Clock: &clock, Temperature: &degrees, Utilization: &percent, Power: &milliwatts, Free: &free}
	w.inv.Devices[0].Minor, w.inv.Devices[0].PCI = 3, "0000:af:00.0"
	w.inv.Devices[0].Foreign = append(w.inv.Devices[0].Foreign, gpu.Process{PID: 9, Memory: -1})
	w.inv.Devices = append(w.inv.Devices,
		scheduler.DeviceReport{Device: gpu.Device{UUID: "GPU-2", Index: 2, Kind: gpu.KindGPU, Model: "NVIDIA H100", Memory: 80 << 30}, State: gpu.Unknown, Readings: w.inv.Devices[0].Readings},
		scheduler.DeviceReport{Device: gpu.Device{UUID: "MIG-1", Index: 3, Kind: gpu.KindMIG, Parent: "GPU-7", GI: 9, Minor: 4, Model: "NVIDIA H100 MIG 1g.10gb", Memory: 10 << 30}, State: gpu.Free, Used: 1 << 30},
	)
	w.report()
	return w
}

func (w *world) metrics() string {
	w.Helper()
	a := w.do(w.prom, "GET", "/metrics", nil)
	if a.status != 200 {
		w.Fatalf("status %d: %s", a.status, a.body)
	}
	return string(a.body)
}

// TestUnknownMemoryIsNotTold: of a card that did not answer, neither as used nor as free.
func TestUnknownMemoryIsNotTold(t *testing.T) {
	t.Parallel()
	w := cards(t)
	w.inv.Devices[0].State, w.inv.Devices[0].Used = gpu.Sick, -1
	w.report()
	id := w.inv.Devices[0].UUID
	for _, d := range w.gpus(w.admin).GPUs {
		if unknown := d.UUID == id; unknown != (d.Used == nil) {
			t.Errorf("%s: used %v", d.UUID, d.Used)
		}
	}
	for line := range strings.SplitSeq(w.metrics(), "\n") {
		if strings.Contains(line, `"`+id+`"`) && strings.Contains(line, "_FB_") {
			t.Error(line)
		}
	}
}

// TestDeviceMetrics: readings under the names, units and labels of dcgm-exporter,
// nothing where nothing is known, and our own.
func TestDeviceMetrics(t *testing.T) {
	t.Parallel()
	w := metered(t)
	text := w.metrics()
	card := `{GPU_I_ID="",GPU_I_PROFILE="",Hostname="node1",UUID="GPU-0",device="nvidia0",gpu="0",modelName="NVIDIA H100",pci_bus_id="00000000:AF:00.0"} `
	slice := `{GPU_I_ID="9",GPU_I_PROFILE="1g.10gb",Hostname="node1",UUID="GPU-7",device="nvidia4",gpu="4",modelName="NVIDIA H100 MIG 1g.10gb",pci_bus_id=""} `
	for _, want := range []string{
		"DCGM_FI_DEV_SM_CLOCK" + card + "1980", "DCGM_FI_DEV_GPU_TEMP" + card + "65", "DCGM_FI_DEV_GPU_UTIL" + card + "97",
		"DCGM_FI_DEV_POWER_USAGE" + card + "301.5", "DCGM_FI_DEV_FB_USED" + card + "20480", "DCGM_FI_DEV_FB_FREE" + card + "60889",
		"DCGM_FI_DEV_FB_USED" + slice + "1024", "DCGM_FI_DEV_FB_FREE" + slice + "9216", "DCGM_FI_DEV_XID_ERRORS" + card + "0",
		`mlq_device_state{host="node1",state="foreign",uuid="GPU-0"} 1`, `mlq_device_foreign_bytes{host="node1",uuid="GPU-0"} 2.147483648e+10`,
		`mlq_device_orphan{host="node1",uuid="GPU-0"} 0`, `mlq_gpu_driver_up{host="node1"} 1`,
		`mlq_device_info{host="node1",index="3",kind="mig",model="NVIDIA H100 MIG 1g.10gb",parent="GPU-7",pci="",uuid="MIG-1"} 1`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	for _, wrong := range []string{`DCGM_FI_DEV_GPU_UTIL` + slice, `UUID="GPU-2",device="nvidia2",gpu="2",modelName="NVIDIA H100",pci_bus_id=""} 97`} {
		if strings.Contains(text, wrong) {
			t.Errorf("nobody knows %s", wrong)
		}
	}
	if !strings.Contains(text, `UUID="GPU-1",device="nvidia1",gpu="1",modelName="NVIDIA H100",pci_bus_id=""} 79`) || strings.Contains(text, "evesecret") {
		t.Error("no Xid of the sick one, or what the processes are")
	}
}

// TestDriverMetric: it is down while it has a problem, and while it is detached.
func TestDriverMetric(t *testing.T) {
	t.Parallel()
	w := metered(t)
	for _, down := range []gpu.Info{{Driver: "580", Problem: "the probe restarts"}, {Driver: "580", Detached: true}} {
		w.inv.GPU = down
		w.report()
		if text := w.metrics(); !strings.Contains(text, "\nmlq_gpu_driver_up{host=\"node1\"} 0\n") {
			t.Errorf("with %+v it is not down", down)
		}
	}
}

// TestUnsignedMetric: what agents say that they refused.
func TestUnsignedMetric(t *testing.T) {
	t.Parallel()
	w := metered(t)
	for _, n := range []uint64{0, 3} {
		w.inv.Unsigned = n
		w.report()
		if want := fmt.Sprintf("\nmlq_unsigned_jobs_refused_total{host=\"node1\"} %d\n", n); !strings.Contains(w.metrics(), want) {
			t.Errorf("no %s", want)
		}
	}
}

// TestOldReadingsAreNotTold: a silent host has none, but a state.
func TestOldReadingsAreNotTold(t *testing.T) {
	t.Parallel()
	w := metered(t, func(o *api.Options) {
		var err error
		o.Scheduler, err = scheduler.New(o.Store, scheduler.Options{Timing: scheduler.DefaultTiming().Scale(200)})
		must(t, err)
	})
	deadline := time.After(30 * time.Second)
	for text := w.metrics(); !strings.Contains(text, `mlq_device_state{host="node1",state="unknown",uuid="GPU-0"} 1`) || strings.Contains(text, "\nDCGM_") || strings.Contains(text, "\nmlq_device_foreign"); text = w.metrics() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("of a host that is silent for long:\n%s", text)
		}
	}
}

// TestOneDeviceOfTwoAgents: both list it; a scrape has it once.
func TestOneDeviceOfTwoAgents(t *testing.T) {
	t.Parallel()
	w := metered(t)
	inv := w.inv
	inv.Host, inv.Devices = "node1@0", inv.Devices[:1]
	_, err := w.sched.Join(t.Context(), inv, nil, nil)
	must(t, err)
	if text := w.metrics(); strings.Count(text, "\nDCGM_FI_DEV_GPU_UTIL{") != 1 || strings.Count(text, "\nmlq_device_info{") != 4 {
		t.Error("told twice, or not at all")
	}
}

// TestManyDevicesOfAHost: no agent makes a scrape as large as it likes.
func TestManyDevicesOfAHost(t *testing.T) {
	t.Parallel()
	w := metered(t)
	for i := range 1500 {
		w.inv.Devices = append(w.inv.Devices, scheduler.DeviceReport{Device: gpu.Device{UUID: fmt.Sprintf("GPU-many-%d", i), Kind: gpu.KindGPU}})
	}
	w.report()
	if n := strings.Count(w.metrics(), "\nmlq_device_info{"); n != 1024 {
		t.Errorf("%d devices are told", n)
	}
}

// TestWithoutDCGMNames: where dcgm-exporter runs too, our own stay.
func TestWithoutDCGMNames(t *testing.T) {
	t.Parallel()
	w := metered(t, func(o *api.Options) { o.NoDCGMNames = true })
	if text := w.metrics(); strings.Contains(text, "\nDCGM_") || !strings.Contains(text, "\nmlq_device_state{") {
		t.Error("they are there, or ours are not")
	}
}

// TestOrphanIsToldByDecide holds the metric to the words of the one place that decides.
func TestOrphanIsToldByDecide(t *testing.T) {
	t.Parallel()
	const now = 10 * time.Minute
	w := metered(t)
	left := gpu.Sample{At: now, Processes: []gpu.Process{{PID: 7, Memory: 1 << 30}}}
	v := gpu.Decide(w.inv.Devices[0].Device, gpu.Evidence{Samples: []gpu.Sample{left}, Clearing: true, ClearingSince: now - time.Minute}, now)
	w.inv.Devices[0].State, w.inv.Devices[0].Reason = v.State, v.Reason
	w.report()
	if text := w.metrics(); !strings.Contains(text, `mlq_device_orphan{host="node1",uuid="GPU-0"} 1`) {
		t.Errorf("%+v is no orphan", v)
	}
}

// TestMetricsAreClean: Prometheus' own checks have nothing to say of our names.
func TestMetricsAreClean(t *testing.T) {
	t.Parallel()
	problems, err := promlint.New(strings.NewReader(metered(t).metrics())).Lint()
	must(t, err)
	for _, p := range problems {
		if !strings.HasPrefix(p.Metric, "DCGM_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// TestMetricsAreDescribed: what a scrape collects is what was announced, so that nobody
// else's registry refuses it.
func TestMetricsAreDescribed(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	metered(t, func(o *api.Options) { o.Metrics = registry })
	if _, err := registry.Gather(); err != nil {
		t.Error(err)
	}
}
