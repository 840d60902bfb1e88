package gpu

import "time"

// Sample is one look at a device.
type Sample struct {
	UUID string
	At   time.Duration // CLOCK_BOOTTIME of the look
	// Leased: a lease of ours held the device then. The agent says so.
	Leased bool `json:",omitempty"`

	// Fault and Err are what the driver said instead of an answer, as a class and
	// in words; both "" if it answered. With a Fault nothing else counts.
	Fault Fault
	Err   string

	// Used is what applications have in use, in bytes: total − free − what the
	// driver reserves for itself.
	Used int64
	// WithReserve: Used has the driver's reserve in it, because this driver does
	// not tell how much that is (before 510).
	WithReserve bool
	Processes   []Process
	// Unlisted: the list of processes is missing or known to be wrong (drivers
	// 535.43 to 535.85), so that memory alone tells.
	Unlisted bool
	// Prohibited: the admin set a compute mode in which no process may use it.
	Prohibited bool
	// Unheld is why a job could not be held to this device here, "" if it can be: a
	// file that its isolation needs is not there. The agent says so.
	Unheld string `json:",omitempty"`

	// Recovery is what the driver asks for to make the device well again; "" is
	// nothing, or that this driver does not tell.
	Recovery string
	// RecoveryKnown: the driver tells, so that an empty Recovery means well.
	RecoveryKnown bool
	// RemapFailed: a row of memory could not be replaced. RemapPending: one will
	// be at the next reset.
	RemapFailed, RemapPending bool
	// Uncorrected counts memory errors that were not corrected, since the driver
	// was loaded; nil: not told.
	Uncorrected *int64

	Readings Readings
}

// Readings are what a person wants to know of a device; nil: the driver does not
// tell. Of a slice, temperature and power are those of the GPU that it is part of.
type Readings struct {
	Utilization *int `json:",omitempty"` // percent of the last moment in which something was computed
	Temperature *int `json:",omitempty"` // °C
	Power       *int `json:",omitempty"` // mW
	PowerLimit  *int `json:",omitempty"` // mW
	Clock       *int `json:",omitempty"` // MHz, of the streaming multiprocessors
	// Free is the memory that applications can still have, in bytes: without what the
	// driver keeps for itself.
	Free *int64 `json:",omitempty"`
}

// Fault is a class of what a driver says instead of an answer.
type Fault string

// The faults.
const (
	FaultNone    Fault = ""
	FaultLost    Fault = "lost"           // the GPU fell off the bus
	FaultReset   Fault = "reset-required" // it answers nothing until it is reset
	FaultTimeout Fault = "timeout"        // the driver did not answer in time
	FaultDown    Fault = "down"           // nothing can be asked of any device: no driver, another version of it, a probe that restarts
	FaultGone    Fault = "gone"           // the driver does not list it any more
	FaultOther   Fault = "other"          // anything else, of this device
)

// Process is a process seen on a device.
type Process struct {
	PID     int
	Started uint64 // clock ticks after the boot (field 22 of /proc/PID/stat), against a PID that is used again; 0: it cannot be seen
	UID     int    // -1: the process cannot be seen
	User    string // name of the account, "" if unknown
	Name    string
	Memory  int64     // bytes; -1: the driver does not tell
	Since   time.Time // when it was started; zero: unknown
	// Graphics: it draws, and computes nothing. Alone it is no use of the device.
	Graphics bool
	// Ours: it belongs to a lease of ours on this device. The agent says so.
	Ours bool
}

// Event is something that a driver tells unasked.
type Event struct {
	At time.Duration // CLOCK_BOOTTIME
	// UUID of the GPU, never of a slice; "": it could not be told which.
	UUID string
	// GI and CI name the slice; -1: the whole GPU.
	GI, CI int
	// Xid is the number of the error (NVIDIA's Xid catalogue); 0: no error.
	Xid int
	// Changed: the devices may be others than they were; ask again.
	Changed bool
}

// Answered reports whether the driver said how the device is.
func (s *Sample) Answered() bool { return s.fault() == FaultNone }

// fault is the fault, also of a provider that has words for it only.
func (s *Sample) fault() Fault {
	if s.Fault == FaultNone && s.Err != "" {
		return FaultOther
	}
	return s.Fault
}
