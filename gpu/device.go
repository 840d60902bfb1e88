// Package gpu says what a device is and when it is free.
//
// A device is one schedulable GPU, MIG slice or CPU slot, named by its UUID,
// never by its index. A Provider looks at the devices of this host; Decide is
// the one place that judges what was seen.
package gpu

import (
	"context"
	"time"
)

// Kind says what a device is made of.
type Kind string

// The kinds of devices.
const (
	KindGPU Kind = "gpu" // a whole GPU
	KindMIG Kind = "mig" // a slice of a GPU
	KindCPU Kind = "cpu" // a CPU slot (--gpus cpu:N)
	KindSim Kind = "sim" // a simulated device (--gpus sim:…), labelled so wherever it is shown
)

// Device is one schedulable device of a host, as its provider found it.
type Device struct {
	UUID   string // GPU-…, MIG-…, CPU-…, SIM-…
	Index  int    // the place in the provider's list: for people, never for identity
	Kind   Kind
	Model  string // as the driver names it; "CPU slot" for a CPU slot
	Memory int64  // bytes; 0 for a CPU slot
	// ComputeCapability is major*10+minor of the CUDA compute capability (80
	// for 8.0); 0 where there is none.
	ComputeCapability int
	PCI               string // bus id, "" where there is none
	// StandIn: a CPU slot that also meets a request for a GPU, because its host
	// has no GPU at all. Never used while a host has a real GPU that could run the job.
	StandIn bool
}

// State is what Decide says of a device.
type State string

// The states of a device. Only a free device may be leased.
const (
	Unknown  State = "unknown"  // no data, or stale data
	Free     State = "free"     // clean, healthy, nobody's
	Leased   State = "leased"   // held by a lease of ours
	Foreign  State = "foreign"  // used by somebody whom we did not start
	Clearing State = "clearing" // between a lease's end and free
	Sick     State = "sick"     // broken as far as the driver can tell
	Drained  State = "drained"  // closed by an admin
)

// Process is a process seen on a device.
type Process struct {
	PID    int
	UID    int
	Name   string
	Memory int64 // bytes
}

// Sample is one look at a device.
type Sample struct {
	UUID      string
	At        time.Duration // CLOCK_BOOTTIME of the look
	Used      int64         // bytes in use by applications
	Processes []Process
	Err       string // what the driver said instead, "" if it answered
}

// Provider finds and samples the devices of this host. Implementations: cpu,
// sim, and nvml. Safe for concurrent use.
type Provider interface {
	// Devices lists the devices of this host, in a stable order.
	Devices(ctx context.Context) ([]Device, error)
	// Sample looks at one device now.
	Sample(ctx context.Context, uuid string) (Sample, error)
	// Close frees what the provider holds.
	Close() error
}
