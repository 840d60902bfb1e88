package gpu

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/mlq-dev/mlq/internal/boottime"
)

// fixed is a provider of devices that are always there and that only we use:
// CPU slots and simulated devices.
type fixed struct {
	devices []Device
}

// CPUSlots offers n slots without a GPU. As stand-ins they also meet requests
// for a GPU (see Device.StandIn).
func CPUSlots(n int, seed string, standIn bool) Provider {
	devices := make([]Device, n)
	for i := range devices {
		devices[i] = Device{
			UUID: derive("CPU", seed, i), Index: i, Kind: KindCPU,
			Model: "CPU slot", StandIn: standIn,
		}
	}
	return &fixed{devices}
}

// Simulated offers n devices that look like the given model and compute nothing.
func Simulated(n int, m SimModel, seed string) Provider {
	devices := make([]Device, n)
	for i := range devices {
		devices[i] = Device{
			UUID: derive("SIM", seed, i), Index: i, Kind: KindSim,
			Model: m.Name + " (simulated)", Memory: m.Memory,
			ComputeCapability: m.ComputeCapability, PCI: fmt.Sprintf("%04x:%02x:00.0", i>>8, i&0xff),
		}
	}
	return &fixed{devices}
}

// derive makes the UUID of the device at index i: stable over restarts,
// and different for every agent, because their seeds are.
func derive(kind, seed string, i int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", kind, seed, i))
	h := hex.EncodeToString(sum[:16])
	return fmt.Sprintf("%s-%s-%s-%s-%s-%s", kind, h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}

// Devices lists them in the order of their index.
func (f *fixed) Devices(context.Context) ([]Device, error) {
	return append([]Device(nil), f.devices...), nil
}

// Sample finds every device clean: nobody else can use one.
func (f *fixed) Sample(_ context.Context, uuid string) (Sample, error) {
	for _, d := range f.devices {
		if d.UUID == uuid {
			return Sample{UUID: uuid, At: boottime.Now()}, nil
		}
	}
	return Sample{}, fmt.Errorf("no device %s here", uuid)
}

// Links: none is nearer to another.
func (f *fixed) Links(context.Context) ([]Link, error) { return nil, nil }

// Watch never has anything to tell.
func (f *fixed) Watch(context.Context) <-chan Event { return nil }

// Info has nothing to say.
func (f *fixed) Info() Info { return Info{} }

// Detach and Attach: there is no driver.
func (f *fixed) Detach() error { return nil }

// Attach is nothing.
func (f *fixed) Attach() error { return nil }

// Close has nothing to free.
func (f *fixed) Close() error { return nil }
