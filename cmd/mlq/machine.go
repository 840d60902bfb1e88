package main

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is where a machine shows what NVIDIA hardware and drivers it has;
// other folders in tests.
type machine struct{ dev, devices, modules string }

func thisMachine() machine {
	return machine{dev: "/dev", devices: "/sys/bus/pci/devices", modules: modulesOf("/lib/modules")}
}

// hasDriver: a driver is loaded, and this process may see its GPUs. Of a
// container that may be any of them.
func (m machine) hasDriver() bool {
	found, err := filepath.Glob(filepath.Join(m.dev, "nvidia[0-9]*"))
	return err == nil && len(found) > 0
}

// awaitsDriver: there is a GPU, and a driver for this kernel that is not loaded
// yet, as early in a boot.
func (m machine) awaitsDriver() bool {
	return m.hasGPU() && m.hasModule()
}

// hasGPU looks for a display controller (class 03) of NVIDIA (10de) on the PCI
// bus, as the PCI ID database numbers them.
func (m machine) hasGPU() bool {
	vendors, err := filepath.Glob(filepath.Join(m.devices, "*", "vendor"))
	if err != nil {
		return false
	}
	for _, path := range vendors {
		if begins(path, "0x10de") && begins(filepath.Join(filepath.Dir(path), "class"), "0x03") {
			return true
		}
	}
	return false
}

func (m machine) hasModule() bool {
	text, err := os.ReadFile(filepath.Join(m.modules, "modules.dep"))
	return err == nil && strings.Contains(string(text), "/nvidia.ko")
}

// begins: the file can be read and begins so.
func begins(path, with string) bool {
	text, err := os.ReadFile(path)
	return err == nil && strings.HasPrefix(string(text), with)
}

// modulesOf is the folder of the running kernel's modules.
func modulesOf(all string) string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return all
	}
	return filepath.Join(all, unix.ByteSliceToString(name.Release[:]))
}
