package scheduler

import (
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// Environment is a Python environment that a host offers.
type Environment struct {
	Name        string
	Path        string // of the interpreter
	Version     string // "3.11.7"
	Cloudpickle string // its version, "" if missing
	Torch       string // likewise
	Numpy       string // likewise
	// Modules are the top-level modules that were installed when the agent looked, with
	// the version of what they come from; nil where that is not known. Offers have none.
	Modules map[string]string
	// Problem says in one line why it cannot run jobs and which command mends
	// it; "" if it can.
	Problem string
}

// Inventory is what an agent last reported of its host.
type Inventory struct {
	Host         string // the agent's name, unique in the namespace
	Version      string // of the agent's binary
	BootID       string
	Devices      []DeviceReport
	Environments []Environment
	Labels       map[string]string
	Isolation    string // the level reached, in words
	RunAs        string // "self", "submitter" or an account
	Accounts     []string
	// AccountsByName: a directory has more accounts than it lists, and says so when
	// it is asked for one.
	AccountsByName bool     `json:",omitempty"`
	Barred         []Barred // what jobs asked for here in vain, lately
	// ClockAhead is how far the host's clock is ahead of the store's, in whole
	// seconds; 0 where they agree within what can be told.
	ClockAhead time.Duration `json:",omitempty"`
	// Links say how near the devices are to each other.
	Links []gpu.Link `json:",omitempty"`
	// GPU is about the driver as a whole.
	GPU gpu.Info
	// Obeyed is the number of the orders that the agent has obeyed last.
	Obeyed uint64 `json:",omitempty"`
	// Unlisted says in words why the agent does not know yet which devices there
	// are; "" where it does.
	Unlisted string `json:",omitempty"`
	// Unsigned is how many leases this agent has given back since it started because
	// no server had signed the job.
	Unsigned uint64 `json:",omitempty"`
	Reported time.Time
}

// Barred is a working directory that jobs of a unix account may not enter on a
// host; without one, the host has no such account.
type Barred struct {
	Dir  string
	Unix string `json:",omitempty"` // "" for a user without one
}

// DeviceReport is a device and what its agent says of it.
type DeviceReport struct {
	gpu.Device
	State  gpu.State
	Reason string // in words, "" when free
	Since  time.Time
	Used   int64 // bytes in use; -1: the last look had no answer
	// Readings are those of the last look.
	Readings gpu.Readings
	// Foreign are the processes on it that are not ours.
	Foreign []gpu.Process `json:",omitempty"`
	// Health is what is known of it; Tolerated the memory that others may have (bytes).
	Health    gpu.Health
	Tolerated int64 `json:",omitempty"`
}

// Host is an inventory with the agent's life signs and what an admin decided.
type Host struct {
	Inventory
	Epoch      uint64
	Renewed    time.Time // the last heartbeat
	LeaseUntil time.Time // the store lets others have its leases after this
	Drained    bool
	DrainedBy  string // who, and why
	// DrainedDevices: UUID → who and why.
	DrainedDevices map[string]string
	// Deadlines: when what still runs there is stopped, by UUID; "" is the host.
	Deadlines map[string]Deadline
	// Ordered is what admins said beside that.
	Ordered Ordered
}

// Ordered is what Orders are made of, with who gave each and when. The keys are
// UUIDs; "" is the host.
type Ordered struct {
	Number   uint64
	Tolerate map[string]Tolerance
	Resets   map[string]Signature
	Detached map[string]Signature
}

// Signature says who ordered something, and why, and when.
type Signature struct {
	By string
	At time.Time
}

// Tolerance is how much memory processes of others may have on a device.
type Tolerance struct {
	Signature
	Memory int64 // bytes
}

// Deadline of something that is drained.
type Deadline struct {
	At   time.Time
	Then string // what becomes of the jobs: "requeue" or "cancel"
}

// Lease is an active job's hold on devices, as admins list it.
type Lease struct {
	Job        JobID
	Name       string
	User       string
	Host       string
	Devices    []string
	Since      time.Time
	Renewed    time.Time
	LeaseUntil time.Time
	EndsBy     time.Time // start + time limit; zero: none
	Hold       bool      // its user works on the devices by hand
	State      State
	Attempt    int
	BlockedOn  JobID // the job whose result is all that it waits for; 0: none
}
