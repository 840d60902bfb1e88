//go:build linux && cgo

package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// between two looks at the memory in use.
const between = 5 * time.Millisecond

// watch prints when a device had how much memory in use, whenever that changes.
func watch(uuid string) error {
	if err := said("nvmlInit", nvml.Init()); err != nil {
		return err
	}
	defer nvml.Shutdown() //nolint:errcheck // the process ends
	d, err := handle(uuid)
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // only its end counts
		close(ended)
	}()
	tick := time.NewTicker(between)
	defer tick.Stop()
	last := int64(-1)
	for {
		select {
		case <-ended:
			return nil
		case <-tick.C:
		}
		m, r := d.GetMemoryInfo_v2()
		if err := said("nvmlDeviceGetMemoryInfo_v2", r); err != nil {
			return err
		}
		if used := int64(m.Total) - int64(m.Free) - int64(m.Reserved); used != last {
			last = used
			fmt.Printf("%.4f %d\n", float64(time.Now().UnixNano())/1e9, used)
		}
	}
}
