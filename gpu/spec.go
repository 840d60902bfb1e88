package gpu

import (
	"fmt"
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
}

// ParseSpec turns the value of --gpus into a provider: "cpu:N", or "auto" where
// there is no GPU. Those of NVIDIA's driver ("nvml", and "auto" where there are
// any) are found by cmd/mlq, simulated ones ("sim:…") are those of gpu/sim. An
// error says what would be right.
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
	return nil, fmt.Errorf("devices %q: want auto, nvml, cpu:N, sim:N, sim:NxMODEL or sim:FILE", spec)
}

func auto(arg string, o SpecOptions) (Provider, error) {
	if arg != "" {
		return nil, fmt.Errorf("devices auto takes no argument, got %q", arg)
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
