package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/gpu/nvml"
	"github.com/mlq-dev/mlq/gpu/probe"
)

// nvmlPatience is how long the start of an agent waits for the driver's first
// list of devices. An agent goes on without it, and has them when they come.
const nvmlPatience = 10 * time.Second

// nvmlLibrary is the driver's library, by the name that every driver gives it.
const nvmlLibrary = "libnvidia-ml.so.1"

var errNoNVML = errors.New("this mlq was built without NVML, so it cannot ask NVIDIA's driver; build it where there is a C compiler (make build NVML=1), or take the archive of make dist that has it")

// openNVIDIA gives the GPUs of NVIDIA's driver, if spec is nvml or auto. nil:
// others are asked for, or auto found none and may offer CPU slots.
func openNVIDIA(ctx context.Context, spec string, m machine, log zerolog.Logger) (gpu.Provider, error) {
	if spec != "nvml" && spec != "auto" {
		return nil, nil
	}
	if !nvml.Built {
		return nil, withoutNVML(spec, m)
	}
	p, err := probe.New(probe.Options{
		// The binary that runs, also when another one lies in its place by now.
		Program: "/proc/self/exe", Command: []string{"mlq", "nvml-probe"},
		Library: nvmlLibrary, Log: log,
	})
	if err != nil {
		return nil, err
	}
	return keepNVIDIA(ctx, spec, m, p, log)
}

// withoutNVML says what a binary that cannot ask does: nothing, where there is
// nothing to ask. CPU slots beside GPUs would run GPU jobs unseen.
func withoutNVML(spec string, m machine) error {
	switch {
	case spec == "nvml":
		return errNoNVML
	case m.hasDriver():
		return fmt.Errorf("this machine has an NVIDIA driver, and %w; to offer CPU slots instead, say so with --gpus cpu:N", errNoNVML)
	}
	return nil
}

// keepNVIDIA decides by the first list of devices whether these are the devices
// of this host.
func keepNVIDIA(ctx context.Context, spec string, m machine, p gpu.Provider, log zerolog.Logger) (gpu.Provider, error) {
	ctx, cancel := context.WithTimeout(ctx, nvmlPatience)
	defer cancel()
	devices, err := p.Devices(ctx)
	if len(devices) > 0 || spec == "nvml" || m.hasDriver() || m.awaitsDriver() {
		if err != nil {
			log.Warn().Err(err).Msg("the devices are not known yet")
		}
		return p, nil
	}
	log.Info().AnErr("nvml", err).Msg("no NVIDIA GPU here: offering CPU slots")
	return nil, p.Close()
}
