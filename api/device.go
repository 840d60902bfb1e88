package api

import (
	"net/http"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// Device is a device, and who has it. Everybody sees who, since when and until
// when; names, arguments, logs and results are their owner's.
type Device struct {
	UUID    string    `json:"uuid"`
	Host    string    `json:"host"`
	Index   int       `json:"index"`
	Kind    gpu.Kind  `json:"kind"`
	Model   string    `json:"model"`
	Memory  int64     `json:"memory"` // bytes
	MinCC   int       `json:"compute_capability,omitempty"`
	PCI     string    `json:"pci,omitempty"`
	Parent  string    `json:"parent,omitempty"` // of a slice: the UUID of its GPU
	GI      int       `json:"gi,omitempty"`
	CI      int       `json:"ci,omitempty"`
	Display bool      `json:"display,omitempty"`
	State   gpu.State `json:"state"`
	Reason  string    `json:"reason,omitempty"`
	// DrainedBy: who closed it or its host, and why.
	DrainedBy     string    `json:"drained_by,omitempty"`
	DrainDeadline *Deadline `json:"drain_deadline,omitempty"`

	Since     time.Time       `json:"since,omitzero"`
	Used      *int64          `json:"used,omitempty"` // bytes; nil: not known
	User      string          `json:"user,omitempty"`
	UserSince time.Time       `json:"user_since,omitzero"`
	EndsBy    time.Time       `json:"ends_by,omitzero"`
	Hold      bool            `json:"hold,omitempty"` // the user works on it by hand
	Job       scheduler.JobID `json:"job,omitempty"`  // of one's own

	// Reported is when its agent told all this; the readings are as old.
	Reported    time.Time `json:"reported,omitzero"`
	Utilization *int      `json:"utilization,omitempty"` // percent
	Temperature *int      `json:"temperature,omitempty"` // °C
	Power       *float64  `json:"power,omitempty"`       // W
	PowerLimit  *float64  `json:"power_limit,omitempty"` // W
	Clock       *int      `json:"clock,omitempty"`       // MHz

	Foreign   []Foreigner   `json:"foreign,omitempty"`
	Health    *DeviceHealth `json:"health,omitempty"`
	Tolerated int64         `json:"tolerated,omitempty"` // bytes that processes of others may have
	Tolerate  *Signed       `json:"tolerate,omitempty"`  // who ordered that, where it is no setting of the agent
	Detached  *Signed       `json:"detached,omitempty"`  // who took its driver, or that of its host, away

	// Simulated: nothing is computed on it, and what is said of it was made up.
	Simulated bool `json:"simulated,omitempty"`

	// AlsoOn are the other agents that list the device.
	AlsoOn []string `json:"also_on,omitempty"`
}

// Foreigner is a process on a device that MLQ did not start.
type Foreigner struct {
	PID      int       `json:"pid"`
	User     string    `json:"user,omitempty"` // unix account; "": not known
	UID      int       `json:"uid"`            // -1: not known
	Name     string    `json:"name,omitempty"`
	Memory   int64     `json:"memory"` // bytes; -1: not known
	Since    time.Time `json:"since,omitzero"`
	Graphics bool      `json:"graphics,omitempty"`
}

// DeviceHealth says what is wrong with a device.
type DeviceHealth struct {
	Sick    string    `json:"sick,omitempty"`    // why it may not be used
	Warning string    `json:"warning,omitempty"` // a doubt that does not keep it from use
	Since   time.Time `json:"since,omitzero"`
	Cure    gpu.Cure  `json:"cure,omitempty"` // "reset", "boot" or "clean"
	Mend    string    `json:"mend,omitempty"` // what an admin does about it, with the commands
	Xid     int       `json:"xid,omitempty"`  // the last
}

// Signed says who ordered something, and why, and when.
type Signed struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// Driver is the GPU driver of a host.
type Driver struct {
	Host     string   `json:"host"`
	Driver   string   `json:"driver,omitempty"` // its version
	CUDA     string   `json:"cuda,omitempty"`
	Problem  string   `json:"problem,omitempty"` // why nothing can be asked of it, and what mends that
	Warnings []string `json:"warnings,omitempty"`
	Detached bool     `json:"detached,omitempty"` // the agent has let go of it
}

// GPUs answers GET /gpus.
type GPUs struct {
	GPUs    []Device `json:"gpus"`
	Drivers []Driver `json:"drivers"` // of the hosts that have one
}

// listGPUs answers GET /gpus: the devices of all hosts, each once.
func (s *Server) listGPUs(c *call) error {
	hosts, views, err := s.hosts(c)
	if err != nil {
		return err
	}
	answer := GPUs{GPUs: []Device{}, Drivers: []Driver{}}
	for _, h := range hosts {
		for i := range h.Devices {
			if views.Shows(h.Host, h.Devices[i].UUID) {
				answer.GPUs = append(answer.GPUs, h.Devices[i])
			}
		}
		if h.GPU != nil {
			answer.Drivers = append(answer.Drivers, *h.GPU)
		}
	}
	return s.write(c, http.StatusOK, answer)
}

func driverOf(h *scheduler.Host) *Driver {
	i := h.GPU
	if i.Driver == "" && i.Problem == "" && len(i.Warnings) == 0 && !i.Detached {
		return nil
	}
	return &Driver{Host: h.Host, Driver: i.Driver, CUDA: i.CUDA, Problem: i.Problem, Warnings: i.Warnings, Detached: i.Detached}
}

// silent: nothing is heard of the host's agent any more.
func silent(h *scheduler.Host) bool { return !h.LeaseUntil.IsZero() && time.Now().After(h.LeaseUntil) }

func (s *Server) wireDevice(c *call, h *scheduler.Host, d *scheduler.DeviceReport, lease *scheduler.Lease) Device {
	w := Device{
		UUID: d.UUID, Host: h.Host, Index: d.Index, Kind: d.Kind, Model: d.Model, Memory: d.Memory, MinCC: d.ComputeCapability,
		PCI: d.PCI, Parent: d.Parent, GI: d.GI, CI: d.CI, Display: d.Display,
		State: d.State, Reason: s.reasonFor(c, d, lease), Since: d.Since, Used: knownUsed(d), Reported: h.Reported, Simulated: d.Simulated(),
		Health: healthOf(d), Foreign: s.foreignFor(c, d, lease), Tolerated: d.Tolerated,
	}
	w.read(&d.Readings)
	w.ordered(&h.Ordered)
	if silent(h) {
		w.unheard(h)
	}
	w.drained(h)
	if lease == nil {
		return w
	}
	w.State, w.User, w.UserSince, w.EndsBy = gpu.Leased, s.nameFor(c, lease.User), lease.Since, lease.EndsBy
	w.Hold = lease.Hold
	if c.sees(lease.User) {
		w.Job = lease.Job
	}
	return w
}

func (w *Device) read(r *gpu.Readings) {
	w.Utilization, w.Temperature, w.Clock = r.Utilization, r.Temperature, r.Clock
	w.Power, w.PowerLimit = watts(r.Power), watts(r.PowerLimit)
}

// unheard takes back what was told too long ago to be true now.
func (w *Device) unheard(h *scheduler.Host) {
	w.State, w.Reason, w.Since = gpu.Unknown, "nothing is heard of its host", h.Renewed
	w.Used, w.Foreign = nil, nil
	w.read(&gpu.Readings{})
}

// knownUsed is the memory in use, in bytes; nil where the driver did not answer.
func knownUsed(d *scheduler.DeviceReport) *int64 {
	if d.Used < 0 {
		return nil
	}
	return &d.Used
}

// watts are those of milliwatts; nil stays.
func watts(mw *int) *float64 {
	if mw == nil {
		return nil
	}
	w := float64(*mw) / 1000
	return &w
}

func (w *Device) ordered(o *scheduler.Ordered) {
	if t, ok := o.Tolerate[w.UUID]; ok {
		w.Tolerate = &Signed{t.By, t.At}
	}
	if w.Detached = signedOf(o.Detached, w.UUID); w.Detached == nil {
		w.Detached = signedOf(o.Detached, "")
	}
}

func signedOf(orders map[string]scheduler.Signature, what string) *Signed {
	s, ok := orders[what]
	if !ok {
		return nil
	}
	return &Signed{s.By, s.At}
}

func healthOf(d *scheduler.DeviceReport) *DeviceHealth {
	h := d.Health
	if h.Sick == "" && h.Warning == "" && h.Xid == 0 {
		return nil
	}
	w := DeviceHealth{Sick: h.Sick, Warning: h.Warning, Since: h.Since, Xid: h.Xid}
	if h.Sick != "" {
		w.Cure, w.Mend = h.Cure, h.Mend(&d.Device)
	}
	return &w
}

// foreignFor are the processes of others on a device, for who may see them: as
// with reasons, those beside somebody else's job are not for everybody.
func (s *Server) foreignFor(c *call, d *scheduler.DeviceReport, lease *scheduler.Lease) []Foreigner {
	own := c.who.Role == auth.RoleAdmin || lease != nil && c.sees(lease.User)
	if !own && (s.opts.Private || lease != nil || d.State == gpu.Leased || d.State == gpu.Clearing) {
		return nil
	}
	return some(d.Foreign, func(p gpu.Process) Foreigner {
		return Foreigner{PID: p.PID, User: p.User, UID: p.UID, Name: p.Name, Memory: p.Memory, Since: p.Since, Graphics: p.Graphics}
	})
}
