package gpu

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// MaxFixed bounds N of cpu:N and sim:N.
const MaxFixed = 1024

// maxAutoSlots bounds the CPU slots that auto offers: enough to see jobs run
// side by side, too few to make a laptop unusable.
const maxAutoSlots = 4

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

// ParseSpec turns the value of --gpus into a provider: "auto" or "cpu:N";
// simulated devices ("sim:…") are those of gpu/sim. An error says what would be right.
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
	}
	return nil, fmt.Errorf("devices %q: want auto, cpu:N, sim:N, sim:NxMODEL or sim:FILE", spec)
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

func count(spec, s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > MaxFixed {
		return 0, fmt.Errorf("devices %q: want a number from 1 to %d, got %q", spec, MaxFixed, s)
	}
	return n, nil
}
