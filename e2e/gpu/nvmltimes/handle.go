//go:build linux && cgo

package main

import (
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// has: go-nvml ends the process when it calls what the library lacks.
func has(name string) bool { return nvml.Extensions().LookupSymbol(name) == nil }

// handle finds a GPU or slice.
func handle(uuid string) (none nvml.Device, err error) {
	n, r := nvml.DeviceGetCount()
	if err := said("nvmlDeviceGetCount", r); err != nil {
		return none, err
	}
	for i := range n {
		d, r := nvml.DeviceGetHandleByIndex(i)
		if r != nvml.SUCCESS {
			continue // another card may be lost
		}
		for _, d := range append([]nvml.Device{d}, slicesOf(d)...) {
			if found, r := d.GetUUID(); r == nvml.SUCCESS && found == uuid {
				return d, nil
			}
		}
	}
	return none, fmt.Errorf("the driver lists no %s", uuid)
}

func slicesOf(d nvml.Device) (all []nvml.Device) {
	if !has("nvmlDeviceGetMaxMigDeviceCount") {
		return nil
	}
	n, _ := d.GetMaxMigDeviceCount() // 0 where there are none
	for i := range n {
		if slice, r := d.GetMigDeviceHandleByIndex(i); r == nvml.SUCCESS {
			all = append(all, slice)
		}
	}
	return all
}
