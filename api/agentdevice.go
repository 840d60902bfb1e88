package api

import (
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// AgentDevice is a device as its agent sees it.
type AgentDevice struct {
	UUID    string   `json:"uuid"`
	Index   int      `json:"index"`
	Kind    gpu.Kind `json:"kind"`
	Model   string   `json:"model"`
	Memory  int64    `json:"memory"` // bytes
	CC      int      `json:"compute_capability,omitempty"`
	PCI     string   `json:"pci,omitempty"`
	StandIn bool     `json:"stand_in,omitempty"`
	Parent  string   `json:"parent,omitempty"` // of a slice: the UUID of its GPU
	GI      int      `json:"gi,omitempty"`
	CI      int      `json:"ci,omitempty"`
	Minor   int      `json:"minor,omitempty"` // N of /dev/nvidiaN
	Display bool     `json:"display,omitempty"`
	// Of a report.
	State     gpu.State      `json:"state,omitempty"`
	Reason    string         `json:"reason,omitempty"`
	Since     time.Time      `json:"since,omitzero"`
	Used      int64          `json:"used,omitempty"` // bytes; -1: not known
	Readings  AgentReadings  `json:"readings,omitzero"`
	Foreign   []AgentProcess `json:"foreign,omitempty"`
	Health    AgentHealth    `json:"health,omitzero"`
	Tolerated int64          `json:"tolerated,omitempty"` // bytes
	// Of an offer.
	Free   bool              `json:"free,omitempty"`
	FreeBy time.Time         `json:"free_by,omitzero"`
	Unrun  []scheduler.JobID `json:"unrun,omitempty"` // jobs that were released from it unrun
}

// AgentReadings are those of the last look.
type AgentReadings struct {
	Utilization *int `json:"utilization,omitempty"` // percent
	Temperature *int `json:"temperature,omitempty"` // °C
	Power       *int `json:"power,omitempty"`       // mW
	PowerLimit  *int `json:"power_limit,omitempty"` // mW
	Clock       *int `json:"clock,omitempty"`       // MHz
	// Free is memory without the driver's reserve, bytes.
	Free *int64 `json:"free,omitempty"`
}

// AgentProcess is a process on a device that MLQ did not start.
type AgentProcess struct {
	PID      int       `json:"pid"`
	Started  uint64    `json:"started,omitempty"` // clock ticks after the boot
	UID      int       `json:"uid"`               // -1: it cannot be seen
	User     string    `json:"user,omitempty"`
	Name     string    `json:"name,omitempty"`
	Memory   int64     `json:"memory"` // bytes; -1: the driver does not tell
	Since    time.Time `json:"since,omitzero"`
	Graphics bool      `json:"graphics,omitempty"`
	Ours     bool      `json:"ours,omitempty"`
}

// AgentHealth is what is known of a device's health.
type AgentHealth struct {
	Sick        string        `json:"sick,omitempty"` // why it may not be used
	Warning     string        `json:"warning,omitempty"`
	Since       time.Time     `json:"since,omitzero"`
	Cure        gpu.Cure      `json:"cure,omitempty"`
	Xid         int           `json:"xid,omitempty"`
	Boot        string        `json:"boot,omitempty"`
	Generation  uint64        `json:"generation,omitempty"` // that of the driver
	Well        time.Duration `json:"well_ns,omitempty"`    // CLOCK_BOOTTIME
	Doubted     time.Duration `json:"doubted_ns,omitempty"` // CLOCK_BOOTTIME
	Uncorrected int64         `json:"uncorrected,omitempty"`
}

// AgentLink says how near two devices are to each other.
type AgentLink struct {
	A       string    `json:"a"` // UUID
	B       string    `json:"b"`
	NVLinks int       `json:"nvlinks,omitempty"`
	Level   gpu.Level `json:"level"` // a distance on the PCI bus, from 0
}

// AgentDriver is about the driver of a host as a whole.
type AgentDriver struct {
	Driver     string   `json:"driver,omitempty"` // its version
	CUDA       string   `json:"cuda,omitempty"`
	Problem    string   `json:"problem,omitempty"` // why nothing can be asked now
	Warnings   []string `json:"warnings,omitempty"`
	Generation uint64   `json:"generation,omitempty"`
	Detached   bool     `json:"detached,omitempty"`
}

func wireAgentDevice(d *gpu.Device) AgentDevice {
	return AgentDevice{
		UUID: d.UUID, Index: d.Index, Kind: d.Kind, Model: d.Model, Memory: d.Memory,
		CC: d.ComputeCapability, PCI: d.PCI, StandIn: d.StandIn,
		Parent: d.Parent, GI: d.GI, CI: d.CI, Minor: d.Minor, Display: d.Display,
	}
}

func (d *AgentDevice) device() gpu.Device {
	return gpu.Device{
		UUID: d.UUID, Index: d.Index, Kind: d.Kind, Model: d.Model, Memory: d.Memory,
		ComputeCapability: d.CC, PCI: d.PCI, StandIn: d.StandIn,
		Parent: d.Parent, GI: d.GI, CI: d.CI, Minor: d.Minor, Display: d.Display,
	}
}

func wireReport(r scheduler.DeviceReport) AgentDevice {
	d := wireAgentDevice(&r.Device)
	d.State, d.Reason, d.Since, d.Used = r.State, r.Reason, r.Since, r.Used
	d.Readings, d.Health, d.Tolerated = AgentReadings(r.Readings), AgentHealth(r.Health), r.Tolerated
	d.Foreign = some(r.Foreign, func(p gpu.Process) AgentProcess { return AgentProcess(p) })
	return d
}

func (d AgentDevice) report() scheduler.DeviceReport {
	return scheduler.DeviceReport{
		Device: d.device(), State: d.State, Reason: d.Reason, Since: d.Since, Used: d.Used,
		Readings: gpu.Readings(d.Readings), Health: gpu.Health(d.Health), Tolerated: d.Tolerated,
		Foreign: some(d.Foreign, func(p AgentProcess) gpu.Process { return gpu.Process(p) }),
	}
}

func wireOffered(o scheduler.OfferedDevice) AgentDevice {
	d := wireAgentDevice(&o.Device)
	d.Free, d.FreeBy, d.Unrun = o.Free, o.FreeBy, o.Unrun
	return d
}

func (d AgentDevice) offered() scheduler.OfferedDevice {
	return scheduler.OfferedDevice{Device: d.device(), Free: d.Free, FreeBy: d.FreeBy, Unrun: d.Unrun}
}

func wireLink(l gpu.Link) AgentLink { return AgentLink(l) }
func (l AgentLink) link() gpu.Link  { return gpu.Link(l) }
