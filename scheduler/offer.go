package scheduler

import (
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// Offer is what an agent has: all its devices, the busy ones with the time at
// which they are expected to be free.
type Offer struct {
	Host         string
	Devices      []OfferedDevice
	Labels       map[string]string
	Environments []Environment
	Accounts     []string // unix accounts that jobs may run as; nil: any
	// AccountOK reports whether jobs may run as an account that Accounts does not
	// list; nil: as none.
	AccountOK func(unix string) bool
	// RealElsewhere forbids stand-ins. It need not be set: a View has no jobs that
	// are to be left to GPUs of other hosts.
	RealElsewhere bool
	// WorkDirOK reports whether jobs may enter this path on the host.
	WorkDirOK func(path, unix string) bool
	// Links say how near the devices are to each other.
	Links []gpu.Link

	// Consumer is the user of a consumer, "" for a host; Serves are the functions that
	// it has. ServesAll: these are all that its user has registered now.
	Consumer  string
	Serves    []string
	ServesAll bool
}

// OfferedDevice is one device of an offer.
type OfferedDevice struct {
	gpu.Device
	Free bool
	// FreeBy is the expected end of the job on a busy device; zero: unknown.
	FreeBy time.Time
	// Unrun are jobs that were released from it unrun: they get another where one is free.
	Unrun []JobID
}

// Entry is a waiting job as the view has it: the member of its class's index.
type Entry struct {
	Job      JobID
	User     string
	Unix     string // the user's account on hosts, "" if none
	Class    string
	Priority int
	Rank     uint64
	Devices  int
	Since    time.Time
	// MaxDevices is the user's limit of devices held at once, as the view found it; 0: none.
	MaxDevices int
	Timeout    time.Duration // of one attempt, in whole seconds; 0: none
}

// View is what an agent sees of the queue: of each class that fits its offer
// the first entries, never specs.
type View struct {
	Entries []Entry
	Held    map[string]int64 // devices that each user of the entries holds now
	// Drained says who closed this host and why, "" if nobody; DrainedDevices likewise by UUID.
	Drained        string
	DrainedDevices map[string]string
	RealElsewhere  bool          // of a server that leaves it to Pick: stand-ins are not to be used
	OnHold         int           // entries left out while the hold-off runs
	GangWait       time.Duration // Timing.GangWait
	Idle           int64         // hosts that have a free device and found nothing to do
	Now            time.Time
	Identity       string
	Revision       uint64
}

// Choice is what Pick decided.
type Choice struct {
	Kind     ChoiceKind
	Job      JobID
	Devices  []string  // UUIDs
	User     string    // of the job
	Priority int       // of the job
	Held     int64     // devices that the user may hold when it is claimed: handed on in the ClaimRequest
	Until    time.Time // of a hold: look again then
	Reason   string    // in words, of none
	// Next are the further candidates of the same view, in order, for when somebody was faster.
	Next []Choice
}

// ChoiceKind says what a Choice is.
type ChoiceKind string

// The kinds of choices.
const (
	ChoiceRun  ChoiceKind = "run"  // claim Job on Devices
	ChoiceHold ChoiceKind = "hold" // keep Devices free for Job, which needs several
	ChoiceNone ChoiceKind = "none" // nothing for this offer, for Reason
)

// Joined answers an agent that (re)joined.
type Joined struct {
	Epoch uint64     // of this agent process: carried by claims and renewals
	Kill  []LeaseRef // leases that it runs and has no right to any more
	Adopt []Job      // active jobs whose leases it goes on holding
	Now   time.Time
}

// Renewed answers a renewal.
type Renewed struct {
	Answers []RenewAnswer
	Now     time.Time
}
