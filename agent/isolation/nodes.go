package isolation

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/gpu"
)

// Card is a device of a lease, as far as its files are concerned.
type Card struct {
	Kind   gpu.Kind
	Minor  int // N of /dev/nvidiaN
	GI, CI int // of a slice
}

// Node is a device file that may be opened, by the numbers that the kernel knows it by.
type Node struct {
	Block bool
	Major uint32
	Minor uint32 // AnyMinor: all of the major
	// Name is the major's in /proc/devices; needed with AnyMinor only.
	Name string
	// Access are the letters of r, w and m (mknod).
	Access string
}

// AnyMinor stands for every minor number of a major.
const AnyMinor = ^uint32(0)

// ordinary are the devices that every job may have, those of systemd's
// DevicePolicy=closed (systemd.resource-control(5)), with the numbers of the
// kernel's devices.txt.
var ordinary = []Node{
	{Major: 1, Minor: 3, Access: "rwm"},                      // null
	{Major: 1, Minor: 5, Access: "rwm"},                      // zero
	{Major: 1, Minor: 7, Access: "rwm"},                      // full
	{Major: 1, Minor: 8, Access: "rwm"},                      // random
	{Major: 1, Minor: 9, Access: "rwm"},                      // urandom
	{Major: 5, Minor: 0, Access: "rwm"},                      // tty
	{Major: 5, Minor: 2, Access: "rwm"},                      // ptmx
	{Major: 136, Minor: AnyMinor, Name: "pts", Access: "rw"}, // pts/*
}

// Of NVIDIA's driver (kernel: devices.txt, major 195; its README, "nvidia-caps").
const (
	nvidiaMajor   = 195
	nvidiaControl = 255 // nvidiactl
	nvidiaModeset = 254 // nvidia-modeset
	uvmMinors     = 2   // nvidia-uvm and nvidia-uvm-tools
)

// kernel is where the kernel tells of its devices; a field for the tests.
type kernel struct{ proc string }

var thisKernel = kernel{"/proc"}

// nodes gives the device files of a lease beside the ordinary ones: of its cards
// and, where it has one, those that belong to all cards together. An error: the
// kernel does not tell a number that the lease cannot do without.
func (k kernel) nodes(cards []Card) ([]Node, error) {
	majors, err := k.majors()
	if err != nil {
		return nil, err
	}
	var nodes []Node
	for name, major := range majors {
		if strings.HasPrefix(name, "infiniband") { // NCCL between hosts; its files' modes decide
			nodes = append(nodes, Node{Major: major, Minor: AnyMinor, Name: name, Access: "rw"})
		}
	}
	slices.SortFunc(nodes, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
	real := false
	for _, c := range cards {
		if c.Kind != gpu.KindGPU && c.Kind != gpu.KindMIG {
			continue
		}
		if c.Minor < 0 || c.Minor >= nvidiaModeset {
			return nil, errors.New("which /dev/nvidiaN the GPU is, is not known")
		}
		real = true
		nodes = append(nodes, Node{Major: nvidiaMajor, Minor: uint32(c.Minor), Access: "rw"})
		if c.Kind == gpu.KindMIG {
			caps, err := k.capabilities(c, majors)
			if err != nil {
				return nil, err
			}
			nodes = append(nodes, caps...)
		}
	}
	if real {
		nodes = append(nodes, common(majors)...)
	}
	return nodes, nil
}

// common are the files that a program needs for any card.
func common(majors map[string]uint32) []Node {
	nodes := []Node{
		{Major: nvidiaMajor, Minor: nvidiaControl, Access: "rw"},
		{Major: nvidiaMajor, Minor: nvidiaModeset, Access: "rw"},
	}
	if uvm, ok := majors["nvidia-uvm"]; ok {
		for minor := range uint32(uvmMinors) {
			nodes = append(nodes, Node{Major: uvm, Minor: minor, Access: "rw"})
		}
	}
	return nodes
}

// capabilities are the files by which the driver lets a process use a slice:
// one of its GPU instance, one of its compute instance.
func (k kernel) capabilities(c Card, majors map[string]uint32) ([]Node, error) {
	major, ok := majors["nvidia-caps"]
	if !ok {
		return nil, fmt.Errorf("the kernel knows no nvidia-caps, and a slice of a GPU needs them")
	}
	instance := filepath.Join(k.proc, "driver/nvidia/capabilities", fmt.Sprintf("gpu%d/mig/gi%d", c.Minor, c.GI))
	var nodes []Node
	for _, dir := range []string{instance, filepath.Join(instance, fmt.Sprintf("ci%d", c.CI))} {
		minor, err := capabilityMinor(filepath.Join(dir, "access"))
		if err != nil {
			return nil, fmt.Errorf("capability of a slice: %w", err)
		}
		nodes = append(nodes, Node{Major: major, Minor: minor, Access: "rw"})
	}
	return nodes, nil
}

// capabilityMinor reads "DeviceFileMinor: N".
func capabilityMinor(path string) (uint32, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "DeviceFileMinor:"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 20)
			return uint32(n), err
		}
	}
	return 0, fmt.Errorf("%s names no DeviceFileMinor", path)
}

// majors are the kernel's character devices by name.
func (k kernel) majors() (map[string]uint32, error) {
	text, err := os.ReadFile(filepath.Join(k.proc, "devices"))
	if err != nil {
		return nil, err
	}
	chars, _, _ := strings.Cut(string(text), "Block devices:")
	majors := map[string]uint32{}
	for line := range strings.Lines(chars) {
		fields := strings.Fields(line)
		if len(fields) != 2 {
			continue
		}
		if n, err := strconv.ParseUint(fields[0], 10, 12); err == nil {
			majors[fields[1]] = uint32(n)
		}
	}
	return majors, nil
}
