package sim

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/gpu"
)

func TestCounted(t *testing.T) {
	for spec, want := range map[string]string{
		"2":             "NVIDIA A100-SXM4-80GB (simulated), NVIDIA A100-SXM4-80GB (simulated)",
		"1xh100":        "NVIDIA H100 80GB HBM3 (simulated)",
		"1xH100+2xA100": "NVIDIA H100 80GB HBM3 (simulated), NVIDIA A100-SXM4-80GB (simulated), NVIDIA A100-SXM4-80GB (simulated)",
		"1+1xT4":        "NVIDIA A100-SXM4-80GB (simulated), Tesla T4 (simulated)",
	} {
		p, err := Open(spec, Options{Seed: testSeed})
		if err != nil {
			t.Fatalf("%s: %v", spec, err)
		}
		devices, err := p.Devices(t.Context())
		var models []string
		for i, d := range devices {
			models = append(models, d.Model)
			s, err := p.Sample(t.Context(), d.UUID)
			again := s
			again.At += gpu.Apart
			if v := gpu.Decide(d, gpu.Evidence{Samples: []gpu.Sample{s, again}}, again.At); err != nil || v.State != gpu.Free || s.Readings != (gpu.Readings{}) {
				t.Errorf("%s: device %d is %+v: %+v, %v", spec, i, v, s, err)
			}
		}
		if got := strings.Join(models, ", "); err != nil || got != want {
			t.Errorf("%s: %s, %v", spec, got, err)
		}
		sound(t, p.(*provider).lab)
	}
}

// TestIDsStay: an update of MLQ, or another way to say the same, gives nobody another device.
func TestIDsStay(t *testing.T) {
	p, err := Open("2xH100", Options{Seed: testSeed})
	if err != nil {
		t.Fatal(err)
	}
	devices, err := p.Devices(t.Context())
	if err != nil || devices[1].UUID != "SIM-5f6bac97-2458-a63d-4301-9bea6b95cb54" {
		t.Errorf("%+v, %v", devices[1], err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty.yaml": "", "none.yaml": "devices: []\n", "wrong.yaml": "devices:\n- {name: a, model: Q9}\n"} {
		put(t, filepath.Join(dir, name), text)
	}
	for spec, want := range map[string]string{
		"":                  "want a number from 1 to 1024",
		"x":                 "want a number from 1",
		"0":                 "want a number from 1",
		"-1":                "want a number from 1",
		"2000":              "want a number from 1",
		"H100":              "a file is named with a slash or its ending, as ./lab.yaml",
		"2xQ9":              `no model "Q9", known are 4090, A10,`,
		"2x":                "known are",
		"1xH100+":           "want a number from 1",
		"1024+1":            "more than 1024 devices",
		dir + "/no.yaml":    "there is no file " + dir + "/no.yaml",
		dir:                 dir + " is no file",
		"/dev/null":         "/dev/null is no file",
		dir + "/empty.yaml": "empty.yaml: it is empty",
		dir + "/none.yaml":  "none.yaml: it describes no device",
		dir + "/wrong.yaml": `wrong.yaml: line 2: devices[0]: model "Q9" is not known`,
	} {
		if _, err := Open(spec, Options{Seed: testSeed}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want …%s…", spec, err, want)
		}
	}
}
