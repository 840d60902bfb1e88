package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/gpu"
)

// trial is a machine of files.
func trial(t *testing.T, files map[string]string) machine {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return machine{dev: filepath.Join(root, "dev"), devices: filepath.Join(root, "pci"), modules: filepath.Join(root, "modules")}
}

const dep = "kernel/drivers/net/tun.ko.xz:\nupdates/dkms/nvidia.ko.zst: kernel/drivers/x.ko\n"

func TestMachine(t *testing.T) {
	gpuAt := func(vendor, class string) map[string]string {
		return map[string]string{"pci/0000:41:00.0/vendor": vendor + "\n", "pci/0000:41:00.0/class": class + "\n"}
	}
	with := func(files map[string]string, name, text string) map[string]string {
		files[name] = text
		return files
	}
	for name, c := range map[string]struct {
		files          map[string]string
		driver, awaits bool
	}{
		"nothing":                {nil, false, false},
		"a driver":               {map[string]string{"dev/nvidia0": ""}, true, false},
		"a container's only GPU": {map[string]string{"dev/nvidia3": "", "dev/nvidiactl": ""}, true, false},
		"control without a GPU":  {map[string]string{"dev/nvidiactl": "", "dev/nvidia-uvm": ""}, false, false},
		"not loaded yet":         {with(gpuAt("0x10de", "0x030200"), "modules/modules.dep", dep), false, true},
		"no driver for it":       {with(gpuAt("0x10de", "0x030000"), "modules/modules.dep", "kernel/nouveau.ko:\n"), false, false},
		"its sound card":         {with(gpuAt("0x10de", "0x040300"), "modules/modules.dep", dep), false, false},
		"another's GPU":          {with(gpuAt("0x1002", "0x030000"), "modules/modules.dep", dep), false, false},
		"a driver, no GPU":       {map[string]string{"modules/modules.dep": dep}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := trial(t, c.files)
			if m.hasDriver() != c.driver || m.awaitsDriver() != c.awaits {
				t.Errorf("has a driver: %v, awaits one: %v", m.hasDriver(), m.awaitsDriver())
			}
		})
	}
}

// said is a provider with one answer.
type said struct {
	gpu.Provider

	devices []gpu.Device
	err     error
	closed  bool
}

func (s *said) Devices(context.Context) ([]gpu.Device, error) { return s.devices, s.err }

func (s *said) Close() error {
	s.closed = true
	return nil
}

// TestKeepNVIDIA: auto takes CPU slots only where there is nothing to wait for.
func TestKeepNVIDIA(t *testing.T) {
	none := errors.New("the NVIDIA driver's library cannot be loaded")
	here := map[string]string{"dev/nvidia0": ""}
	booting := map[string]string{"pci/1/vendor": "0x10de", "pci/1/class": "0x030200", "modules/modules.dep": dep}
	for name, c := range map[string]struct {
		spec  string
		files map[string]string
		says  said
		kept  bool
	}{
		"devices":                {"auto", nil, said{devices: make([]gpu.Device, 1)}, true},
		"no library":             {"auto", nil, said{err: none}, false},
		"no GPU":                 {"auto", nil, said{}, false},
		"a driver that is ill":   {"auto", here, said{err: none}, true},
		"a driver without a GPU": {"auto", here, said{}, true},
		"booting":                {"auto", booting, said{err: none}, true},
		"asked for":              {"nvml", nil, said{err: none}, true},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := keepNVIDIA(t.Context(), c.spec, trial(t, c.files), &c.says, zerolog.Nop())
			if err != nil || (p != nil) != c.kept || c.says.closed == c.kept {
				t.Errorf("%v, %v; closed: %v", p, err, c.says.closed)
			}
		})
	}
}

// TestWithoutNVML: a binary that cannot ask says so where there is something to ask.
func TestWithoutNVML(t *testing.T) {
	here, none := trial(t, map[string]string{"dev/nvidia0": ""}), trial(t, nil)
	for spec, m := range map[string]machine{"nvml": none, "auto": here} {
		if err := withoutNVML(spec, m); err == nil || !strings.Contains(err.Error(), "built without NVML") || !strings.Contains(err.Error(), "make build NVML=1") {
			t.Errorf("--gpus %s: %v", spec, err)
		}
	}
	if err := withoutNVML("auto", none); err != nil {
		t.Errorf("auto without a driver: %v", err)
	}
}
