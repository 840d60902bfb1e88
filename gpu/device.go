// Package gpu says what a device is and when it is free.
//
// A device is one schedulable GPU, MIG slice or CPU slot, named by its UUID,
// never by its index. A Provider looks at the devices of this host; Decide is
// the one place that judges what was seen.
package gpu

// Kind says what a device is made of.
type Kind string

// The kinds of devices.
const (
	KindGPU Kind = "gpu" // a whole GPU
	KindMIG Kind = "mig" // a slice of a GPU
	KindCPU Kind = "cpu" // a CPU slot (--gpus cpu:N)
	KindSim Kind = "sim" // a simulated device (--gpus sim:…), labelled so wherever it is shown
	// KindConsumer is a process that takes message jobs: what their leases hold. No
	// provider lists it, and it is no device of a host.
	KindConsumer Kind = "consumer"
)

// Device is one schedulable device of a host, as its provider found it. A GPU
// that is cut into slices is not one: its slices are.
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

	// Parent is the UUID of the GPU that this is a slice of, "" for what is no slice.
	Parent string `json:",omitempty"`
	// GI and CI are the GPU instance and compute instance of a slice; -1: not told.
	GI int `json:",omitempty"`
	CI int `json:",omitempty"`
	// Minor is the N of /dev/nvidiaN, of a slice that of its parent. Only for
	// KindGPU and KindMIG; of a simulated slice the place of its parent among the GPUs.
	Minor int `json:",omitempty"`
	// Display: a screen hangs on it, so that some memory is always in use.
	Display bool `json:",omitempty"`
}

// Slice reports whether the device is a part of a GPU.
func (d *Device) Slice() bool { return d.Parent != "" }

// Link says how near two devices are to each other.
type Link struct {
	A, B string // UUIDs
	// NVLinks is how many NVLinks join them directly or through a switch; 0: none.
	NVLinks int
	// Level is how far apart they are on the PCI bus; what no Link names is LevelSystem.
	Level Level
}

// Level is a distance on the PCI bus, the nearest first, as
// nvmlGpuTopologyLevel_t has them (NVML API reference).
type Level int

// The levels.
const (
	LevelInternal   Level = 0  // on one board
	LevelSingle     Level = 10 // one PCIe switch
	LevelMultiple   Level = 20 // several PCIe switches
	LevelHostBridge Level = 30 // one host bridge
	LevelNode       Level = 40 // one NUMA node
	LevelSystem     Level = 50 // further apart
)
