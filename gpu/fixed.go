package gpu

import (
	"context"
	"fmt"
	"strconv"

	"github.com/mlq-dev/mlq/internal/boottime"
)

// fixed is a provider of CPU slots: devices that are always there and that only we use.
type fixed struct {
	devices []Device
}

// CPUSlots offers n slots without a GPU. As stand-ins they also meet requests
// for a GPU (see Device.StandIn).
func CPUSlots(n int, seed string, standIn bool) Provider {
	devices := make([]Device, n)
	for i := range devices {
		devices[i] = Device{
			UUID: DerivedUUID("CPU", seed, strconv.Itoa(i)), Index: i, Kind: KindCPU,
			Model: "CPU slot", StandIn: standIn,
		}
	}
	return &fixed{devices}
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
