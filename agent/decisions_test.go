package agent

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

func TestNews(t *testing.T) {
	v := func(s gpu.State, why string) gpu.Verdict { return gpu.Verdict{State: s, Reason: why} }
	for _, tt := range []struct {
		before, after gpu.Verdict
		want          bool
	}{
		{v(gpu.Free, ""), v(gpu.Leased, "runs job 1"), false},
		{v(gpu.Leased, "runs job 1"), v(gpu.Clearing, "x"), false},
		{v(gpu.Free, ""), v(gpu.Foreign, "used by 7"), true},
		{v(gpu.Foreign, "used by 7"), v(gpu.Foreign, "used by 8"), true},
		{v(gpu.Foreign, "used by 7"), v(gpu.Foreign, "used by 7"), false},
		{v(gpu.Sick, "Xid 79"), v(gpu.Free, ""), true},
	} {
		if got := newsworthy(tt.before, tt.after); got != tt.want {
			t.Errorf("%v → %v: news %v", tt.before, tt.after, got)
		}
	}
}

func TestDue(t *testing.T) {
	inv := func(d scheduler.DeviceReport) scheduler.Inventory {
		return scheduler.Inventory{Devices: []scheduler.DeviceReport{d}}
	}
	before := inv(scheduler.DeviceReport{State: gpu.Free})
	hot := 80
	for _, tt := range []struct {
		name string
		now  scheduler.Inventory
		age  time.Duration
		want bool
	}{
		{"nothing new", before, readingsEvery, false},
		{"nothing new for long", before, reportLeast, true},
		{"a state", inv(scheduler.DeviceReport{State: gpu.Foreign}), 0, true},
		{"free again", inv(scheduler.DeviceReport{State: gpu.Free, Since: time.Unix(9, 0)}), time.Second, false},
		{"free again, later", inv(scheduler.DeviceReport{State: gpu.Free, Since: time.Unix(9, 0)}), readingsEvery, true},
		{"a warning", inv(scheduler.DeviceReport{State: gpu.Free, Health: gpu.Health{Warning: "Xid 94"}}), 0, true},
		{"a reading, soon", inv(scheduler.DeviceReport{State: gpu.Free, Readings: gpu.Readings{Temperature: &hot}}), time.Second, false},
		{"a reading, later", inv(scheduler.DeviceReport{State: gpu.Free, Readings: gpu.Readings{Temperature: &hot}}), readingsEvery, true},
		{"memory", inv(scheduler.DeviceReport{State: gpu.Free, Used: 1}), time.Second, false},
		{"somebody", inv(scheduler.DeviceReport{State: gpu.Free, Foreign: []gpu.Process{{PID: 7}}}), 0, true},
	} {
		if got := due(before, tt.now, tt.age); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestNotes(t *testing.T) {
	if got := withNotes("", nil); got != "" {
		t.Errorf("%q", got)
	}
	if got := withNotes("killed", []string{"Xid 79", "sick"}); got != "killed; Xid 79; sick" {
		t.Errorf("%q", got)
	}
}

// What is kept is there again; a damaged file is put aside, and told of.
func TestDamagedFileIsPutAside(t *testing.T) {
	dir := t.TempDir()
	want := kept{Detached: "root", Devices: []keptDevice{{
		Device: gpu.Device{UUID: "GPU-A", Memory: 1 << 30}, Health: gpu.Health{Sick: "Xid 79", Cure: gpu.CureBoot}, Reset: time.Unix(5, 0).UTC(),
	}}}
	if err := want.write(dir); err != nil {
		t.Fatal(err)
	}
	a := &Agent{opts: Options{DataDir: dir, Log: zerolog.Nop()}}
	got, err := a.restore()
	if err != nil || len(got.Devices) != 1 || got.Devices[0] != want.Devices[0] || got.Detached != want.Detached {
		t.Fatalf("kept %+v, %v", got, err)
	}
	path := filepath.Join(dir, keptFile)
	if err := os.WriteFile(path, []byte(`{"devices": [{"dev`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := a.restore(); err != nil || len(got.Devices) != 0 {
		t.Fatalf("damaged: %+v, %v", got, err)
	}
	if !exists(path+".damaged") || exists(path) {
		t.Error("it was not put aside")
	}
	if w := a.driver.info(gpu.Info{}).Warnings; len(w) != 1 || !strings.Contains(w[0], "damaged") {
		t.Errorf("warnings %q", w)
	}
}

// A file of before the provider was named is read as one of this kind.
func TestKeptOfProvider(t *testing.T) {
	for _, tt := range []struct {
		file, now string
		want      bool
	}{{"", "nvml", true}, {"nvml", "nvml", true}, {"cpu", "nvml", false}, {"cpu", "", true}} {
		if got := (&kept{Provider: tt.file}).ofProvider(tt.now); got != tt.want {
			t.Errorf("kept under %q, now %q: %v", tt.file, tt.now, got)
		}
	}
}

func TestDataFolderIsOneMachines(t *testing.T) {
	dir := t.TempDir()
	here := machine{ID: "a1", Name: "here"}
	for range 2 {
		if err := claimDataDir(dir, here, zerolog.Nop()); err != nil {
			t.Fatal(err)
		}
	}
	if err := claimDataDir(dir, machine{ID: "b2", Name: "there"}, zerolog.Nop()); !errors.Is(err, ErrOtherHost) || !strings.Contains(err.Error(), "here") {
		t.Errorf("another machine: %v", err)
	}
	if err := claimDataDir(dir, machine{Name: "container"}, zerolog.Nop()); err != nil {
		t.Errorf("a machine without an id: %v", err)
	}
	if err := claimDataDir(dir, machine{ID: "a1", Name: "renamed"}, zerolog.Nop()); err != nil {
		t.Errorf("a new name: %v", err)
	}
	path := filepath.Join(dir, hostFile)
	if err := os.WriteFile(path, []byte(`{"id": "b2`), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	if err := claimDataDir(dir, here, zerolog.New(&log)); err != nil || !strings.Contains(log.String(), "cannot be read") || !exists(path+".damaged") {
		t.Errorf("a damaged file: %v, and in the log %q", err, log.String())
	}
	if err := claimDataDir(dir, machine{ID: "b2", Name: "there"}, zerolog.Nop()); !errors.Is(err, ErrOtherHost) {
		t.Errorf("another machine after it: %v", err)
	}
}
