package gpu

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const testSeed = "00112233445566778899aabbccddeeff"

func TestParseSpec(t *testing.T) {
	tests := []struct {
		spec    string
		n       int
		kind    Kind
		model   string
		standIn bool
	}{
		{"cpu:3", 3, KindCPU, "CPU slot", true},
	}
	for _, tt := range tests {
		t.Run(tt.spec, func(t *testing.T) {
			devices := devicesOf(t, tt.spec, SpecOptions{Seed: testSeed})
			if len(devices) != tt.n {
				t.Fatalf("%d devices", len(devices))
			}
			for i, d := range devices {
				if d.Index != i || d.Kind != tt.kind || d.Model != tt.model || d.StandIn != tt.standIn {
					t.Errorf("device %d is %+v", i, d)
				}
			}
		})
	}
}

func TestParseSpecRefuses(t *testing.T) {
	for spec, want := range map[string]string{
		"":                        "want auto, nvml, cpu:N",
		"nvidia":                  "want auto, nvml, cpu:N",
		"cpu":                     "number from 1",
		"cpu:0":                   "number from 1",
		"cpu:-1":                  "number from 1",
		"cpu:2000":                "number from 1",
		"cpu:two":                 "number from 1",
		"auto:2":                  "no argument",
		"cpu:9999999999999999999": "number from 1",
	} {
		if _, err := ParseSpec(spec, SpecOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want …%s…", spec, err, want)
		}
	}
}

func TestAuto(t *testing.T) {
	devices := devicesOf(t, "auto", SpecOptions{Seed: testSeed, StandIn: true})
	if len(devices) < 1 || len(devices) > maxAutoSlots || !devices[0].StandIn {
		t.Errorf("auto: %+v", devices)
	}
	if devicesOf(t, "auto", SpecOptions{Seed: testSeed})[0].StandIn {
		t.Error("a stand-in that nobody asked for")
	}
}

func TestUUIDs(t *testing.T) {
	seen := map[string]bool{}
	for _, seed := range []string{testSeed, "ff" + testSeed[2:]} {
		for i, d := range devicesOf(t, "cpu:4", SpecOptions{Seed: seed}) {
			if seen[d.UUID] {
				t.Errorf("%s is given twice", d.UUID)
			}
			seen[d.UUID] = true
			if again := devicesOf(t, "cpu:4", SpecOptions{Seed: seed})[i]; again != d {
				t.Errorf("%s became %s", d.UUID, again.UUID)
			}
			if len(d.UUID) != len("CPU-")+36 {
				t.Errorf("%q has not the form of a UUID", d.UUID)
			}
		}
	}
}

func TestSample(t *testing.T) {
	p, err := ParseSpec("cpu:1", SpecOptions{Seed: testSeed})
	if err != nil {
		t.Fatal(err)
	}
	d := devicesOf(t, "cpu:1", SpecOptions{Seed: testSeed})[0]
	s, err := p.Sample(context.Background(), d.UUID)
	if err != nil || s.UUID != d.UUID {
		t.Fatalf("%+v, %v", s, err)
	}
	if v := Decide(d, Evidence{Samples: []Sample{s}}, s.At); v.State != Free {
		t.Errorf("a fresh slot is %+v", v)
	}
	if _, err := p.Sample(context.Background(), "CPU-other"); err == nil {
		t.Error("sampled a device that is not there")
	}
}

func TestSeed(t *testing.T) {
	dir := t.TempDir()
	first, err := Seed(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Seed(dir)
	if err != nil || second != first {
		t.Fatalf("%q became %q, %v", first, second, err)
	}
	if other, err := Seed(t.TempDir()); err != nil || other == first {
		t.Errorf("another folder has %q, %v", other, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "device-seed"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Seed(dir); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("damaged seed: %v", err)
	}
}

func devicesOf(t *testing.T, spec string, o SpecOptions) []Device {
	t.Helper()
	p, err := ParseSpec(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	devices, err := p.Devices(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return devices
}
