package gpu

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// MaxFixed bounds N of cpu:N and sim:N.
const MaxFixed = 1024

// maxAutoSlots bounds the CPU slots that auto offers: enough to see jobs run
// side by side, too few to make a laptop unusable.
const maxAutoSlots = 4

// SimModel is what a simulated device pretends to be.
type SimModel struct {
	Name              string
	Memory            int64 // bytes
	ComputeCapability int   // major*10 + minor
}

// simModels are the models that sim:NxMODEL knows, by short name.
var simModels = map[string]SimModel{
	"T4":    {"Tesla T4", 15 << 30, 75},
	"V100":  {"Tesla V100-SXM2-32GB", 32 << 30, 70},
	"A10":   {"NVIDIA A10", 23 << 30, 86},
	"A100":  {"NVIDIA A100-SXM4-80GB", 80 << 30, 80},
	"L4":    {"NVIDIA L4", 23 << 30, 89},
	"L40S":  {"NVIDIA L40S", 45 << 30, 89},
	"H100":  {"NVIDIA H100 80GB HBM3", 80 << 30, 90},
	"H200":  {"NVIDIA H200", 141 << 30, 90},
	"4090":  {"NVIDIA GeForce RTX 4090", 24 << 30, 89},
	"A6000": {"NVIDIA RTX A6000", 48 << 30, 86},
}

// SpecOptions go with a spec.
type SpecOptions struct {
	// Seed is the agent's random id (see Seed), from which UUIDs are derived.
	Seed string
	// StandIn: the CPU slots that auto finds also meet requests for a GPU, as
	// `mlq dev` wants it. Those of cpu:N always do.
	StandIn bool
	// driver is where an NVIDIA driver shows itself; another path in tests.
	driver string
}

// ParseSpec turns the value of --gpus into a provider: "auto", "cpu:N",
// "sim:N" or "sim:NxMODEL". An error says what would be right.
func ParseSpec(spec string, o SpecOptions) (Provider, error) {
	kind, arg, _ := strings.Cut(spec, ":")
	switch kind {
	case "auto":
		return auto(arg, o)
	case "cpu":
		n, err := count(spec, arg)
		if err != nil {
			return nil, err
		}
		return CPUSlots(n, o.Seed, true), nil
	case "sim":
		return simulated(spec, arg, o)
	}
	return nil, fmt.Errorf("devices %q: want auto, cpu:N, sim:N or sim:NxMODEL", spec)
}

// auto refuses a machine with an NVIDIA driver: offering CPU slots there would
// run GPU jobs beside the GPUs, unseen.
func auto(arg string, o SpecOptions) (Provider, error) {
	if arg != "" {
		return nil, fmt.Errorf("devices auto takes no argument, got %q", arg)
	}
	driver := o.driver
	if driver == "" {
		driver = "/dev/nvidia0"
	}
	if _, err := os.Stat(driver); err == nil {
		return nil, fmt.Errorf("this machine has an NVIDIA driver (%s), which this binary cannot ask: it was built without NVML; to offer CPU slots instead, say so with --gpus cpu:N", driver)
	}
	return CPUSlots(min(runtime.NumCPU(), maxAutoSlots), o.Seed, o.StandIn), nil
}

func simulated(spec, arg string, o SpecOptions) (Provider, error) {
	number, name, named := strings.Cut(arg, "x")
	n, err := count(spec, number)
	if err != nil {
		return nil, err
	}
	if !named {
		name = "A100"
	}
	model, ok := simModels[strings.ToUpper(name)]
	if !ok {
		return nil, fmt.Errorf("devices %q: no model %q, known are %s", spec, name, strings.Join(modelNames(), ", "))
	}
	return Simulated(n, model, o.Seed), nil
}

func count(spec, s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > MaxFixed {
		return 0, fmt.Errorf("devices %q: want a number from 1 to %d, got %q", spec, MaxFixed, s)
	}
	return n, nil
}

func modelNames() []string {
	names := make([]string, 0, len(simModels))
	for name := range simModels {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
