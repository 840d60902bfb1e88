package gpu

import "context"

// Provider finds and samples the devices of this host. Implementations: cpu and
// sim here, nvml in gpu/nvml. Safe for concurrent use. A call that takes too long
// ends with its context.
type Provider interface {
	// Devices lists the devices of this host, in a stable order. An error says
	// that nothing can be told now, not that there are none; beside it may be the
	// list that was last told.
	Devices(ctx context.Context) ([]Device, error)
	// Links says how near the devices are to each other.
	Links(ctx context.Context) ([]Link, error)
	// Sample looks at one device now. What the driver says of this device instead
	// of an answer is a sample too (Fault); an error is anything else.
	Sample(ctx context.Context, uuid string) (Sample, error)
	// Watch hands on what the driver tells unasked, until ctx ends.
	Watch(ctx context.Context) <-chan Event
	// Info tells what is asked, and whether it answers.
	Info() Info
	// Detach lets go of the driver, so that an admin can reset a card or unload
	// it; everything is down (FaultDown) until Attach.
	Detach() error
	Attach() error
	// Close frees what the provider holds.
	Close() error
}

// Info is about a provider as a whole.
type Info struct {
	Driver string // version of the driver, "" where there is none
	CUDA   string // highest version of CUDA that it supports, "12.8"
	// Problem says in one line why nothing can be asked now, and what mends it; ""
	// while all is well.
	Problem string
	// Warnings are what an admin should know: a GPU in MIG mode without slices,
	// Xids that cannot be watched.
	Warnings []string
	// Generation names this load of the kernel's driver: another number after it
	// was unloaded and loaded, the same in every process that asks and however
	// often it was opened (see DriverLoad); 0: it cannot be told.
	Generation uint64
	Detached   bool
}
