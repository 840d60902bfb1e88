package gpu

import (
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	devices := []Device{
		{UUID: "GPU-aa", Index: 0, PCI: "00000000:65:00.0"},
		{UUID: "GPU-bb", Index: 1, PCI: "00000001:65:00.0"},
		{UUID: "CPU-cc", Index: 2},
	}
	for name, want := range map[string]string{
		"0": "GPU-aa", "2": "CPU-cc", "GPU-bb": "GPU-bb",
		"0000:65:00.0": "GPU-aa", "65:00.0": "GPU-aa", "00000000:65:00.0": "GPU-aa", "0001:65:00.0": "GPU-bb",
	} {
		if d, err := Find(devices, name); err != nil || d.UUID != want {
			t.Errorf("%s: %s, %v; want %s", name, d.UUID, err, want)
		}
	}
	for name, want := range map[string]string{
		"3":         `there is no device "3"; by index, UUID or PCI address there are 0 (GPU-aa, 00000000:65:00.0), 1 (GPU-bb, 00000001:65:00.0), 2 (CPU-cc)`,
		"":          `device ""`,
		"66:00.0":   `device "66:00.0"`,
		`GPU\x2daa`: `not as systemd-escape does`,
	} {
		if _, err := Find(devices, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
