package sim

import (
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/mlq-dev/mlq/gpu"
)

// state is what a file says of how a GPU or a slice is now.
type state struct {
	sample   gpu.Sample
	used     *int64 // nil: what its processes have
	recovery string
	words    string // of the fault
	hang     time.Duration
	xids     []int
}

// faults are the classes that a file may name, each with its words.
var faults = map[string]gpu.Fault{
	"lost": gpu.FaultLost, "reset-required": gpu.FaultReset, "timeout": gpu.FaultTimeout,
	"down": gpu.FaultDown, "gone": gpu.FaultGone, "other": gpu.FaultOther,
}

var faultWords = map[gpu.Fault]string{
	gpu.FaultLost: "GPU is lost", gpu.FaultReset: "GPU requires a reset", gpu.FaultTimeout: "", // the class says it all
	gpu.FaultDown: "the driver cannot be asked", gpu.FaultGone: "not listed by the driver any more", gpu.FaultOther: "unknown error",
}

// The limits of what a device may list.
const (
	mostProcesses = 256
	mostXids      = 256
	mostXid       = 9999
)

// fields are those of what a slice takes over from its GPU, where it does not
// say otherwise: the driver tells them of a card, not of its parts.
func (s *state) fields() fields {
	r := &s.sample.Readings
	return fields{
		"unlisted": flag(&s.sample.Unlisted), "with_reserve": flag(&s.sample.WithReserve), "prohibited": flag(&s.sample.Prohibited),
		"recovery": words(&s.recovery), "remap_failed": flag(&s.sample.RemapFailed), "remap_pending": flag(&s.sample.RemapPending),
		"uncorrected": s.readUncorrected, "temperature": maybe(&r.Temperature, -100, 200),
		"power": watts(&r.Power), "power_limit": watts(&r.PowerLimit), "clock": maybe(&r.Clock, 0, 10_000),
		"fault": oneOf(&s.sample.Fault, "lost, reset-required, timeout, down, gone or other", faults),
		"error": words(&s.words), "hang": period(&s.hang), "xids": readXids(&s.xids),
	}
}

// use are the fields of who uses it, and how much.
func (s *state) use() fields {
	return fields{
		"used": s.readUsed, "processes": list(mostProcesses, s.readProcess),
		"utilization": maybe(&s.sample.Readings.Utilization, 0, 100),
	}
}

func (s *state) readUsed(n *yaml.Node) error {
	s.used = new(int64)
	return size(s.used)(n)
}

func (s *state) readUncorrected(n *yaml.Node) error {
	var count int
	err := whole(&count, 0, 1<<30)(n)
	told := int64(count)
	s.sample.Uncorrected = &told
	return err
}

func readXids(to *[]int) setter {
	return list(mostXids, func(n *yaml.Node) error {
		var xid int
		err := whole(&xid, 1, mostXid)(n)
		*to = append(*to, xid)
		return err
	})
}

// readProcess reads one process. What is not said of it is not known of it.
func (s *state) readProcess(n *yaml.Node) error {
	p := gpu.Process{UID: -1, Memory: -1}
	var started int
	f := fields{
		"pid": whole(&p.PID, 1, 1<<22), "uid": whole(&p.UID, 0, 1<<31-1), "user": words(&p.User), "name": words(&p.Name),
		"memory": size(&p.Memory), "started": whole(&started, 1, 1<<53), "since": moment(&p.Since), "graphics": flag(&p.Graphics),
	}
	if err := f.read(n); err != nil {
		return err
	}
	if p.PID == 0 {
		return wrong(n, "a process needs its pid")
	}
	for _, other := range s.sample.Processes {
		if other.PID == p.PID {
			return wrong(n, "process %d stands twice", p.PID)
		}
	}
	p.Started = uint64(started)
	s.sample.Processes = append(s.sample.Processes, p)
	return nil
}

// finished is the sample of all that was said, of a device with so much memory.
// A driver that says something else than an answer says nothing besides.
func (s *state) finished(n *yaml.Node, d *gpu.Device) (gpu.Sample, error) {
	out := s.sample
	out.UUID = d.UUID
	if s.words != "" && out.Fault == gpu.FaultNone {
		out.Fault = gpu.FaultOther
	}
	if out.Fault != gpu.FaultNone {
		words := s.words
		if words == "" {
			words = faultWords[out.Fault]
		}
		return gpu.Sample{UUID: d.UUID, Fault: out.Fault, Err: words}, nil
	}
	if s.recovery != "" {
		out.RecoveryKnown = true
		if s.recovery != "none" {
			out.Recovery = s.recovery
		}
	}
	out.Used = s.inUse()
	if out.Used > d.Memory {
		return out, wrong(n, "%d MiB are in use of %d MiB", out.Used>>20, d.Memory>>20)
	}
	return out, nil
}

// inUse is what is in use: as said, or what the processes have.
func (s *state) inUse() int64 {
	if s.used != nil {
		return *s.used
	}
	var sum int64
	for _, p := range s.sample.Processes {
		sum += max(p.Memory, 0)
	}
	return sum
}
