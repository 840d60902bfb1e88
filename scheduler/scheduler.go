package scheduler

import (
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/internal/pulse"
	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// Options of a Scheduler.
type Options struct {
	Timing Timing
	Log    zerolog.Logger
	// Version is this build's, for the record of the store's schema and for refusals.
	Version string
	// HighWater persists the highest job id that this process may have issued
	// (a file in the data folder of serve); nil where no jobs are submitted.
	HighWater HighWater
	// Ring signs what is submitted and registered, and checks it where this process
	// acts on it; nil: nothing is signed, as in tests of other things. Agents have none:
	// they check with their own set.
	Ring *signing.Ring
	// Worth is what Describe said of the store where this process told it, at its start:
	// what it warns of is not logged once more.
	Worth string
}

// HighWater keeps a number that only grows, across restarts and store losses.
type HighWater interface {
	Load() (JobID, error)
	Raise(to JobID) error // durable when it returns
}

// Scheduler runs the transitions on a store: it reads, asks the pure
// transition, commits, and starts over on a conflict. Beside a block of ids it
// has only memories that save a read; any number of processes may have one on the same store.
type Scheduler struct {
	store store.Store
	opts  Options

	adopted  atomic.Bool
	ids      ids     // the block that this process hands out
	flight   flight  // submits under way
	classes  classes // memories that save a read
	fleet    fleet
	bound    bound
	gpus     gpuHosts // for hosts without
	sight    sight
	skims    skimmer
	recalls  recalls
	checked  atomic.Int64 // the id where the next check of jobs goes on; 0: from the highest
	walked   walked       // where the next check of pauses goes on
	registry registry     // of functions
	crowded  atomic.Bool  // the last submit saw many idle hosts
	queue    boarding     // single jobs that wait to share a commit
	tally    tally        // what the loops have done
	damage   damage       // of records, that the log was told of
	pulse    pulse.Pulse  // whether they go round
}

// Who acts: taken from the token, never from a request.
type Who struct {
	User  string
	Unix  string
	Admin bool
	// Limits; 0 means none.
	MaxQueued  int
	MaxDevices int
	// MaxTimeout is the user's own limit, MaxTimeoutOfAll the server's; the lower
	// one holds. DefaultTimeout holds where a submission names none.
	MaxTimeout, MaxTimeoutOfAll, DefaultTimeout time.Duration
	// MaxResultTTL is the longest that results may be kept, DefaultResultTTL how long
	// those of submissions that do not say; 0: for ever.
	MaxResultTTL, DefaultResultTTL time.Duration
}

// Submitted answers a submit.
type Submitted struct {
	IDs      []JobID
	Replayed bool // the idempotency key was known: these are the ids of then
}

// Filter selects jobs for lists and bulk actions; zero fields select all.
type Filter struct {
	User   string
	Name   string
	States []State
	// Reasons: only jobs that failed for one of these.
	Reasons []Reason
	Before  JobID // cursor: ids below it
	Limit   int
}

// WhyReason is one reason why a job waits, the most decisive first.
type WhyReason struct {
	Code string // stable: "devices-busy", "no-host", "after", "hold-off", …
	Text string // in words
}

// Estimate of when a job starts: a range with its basis in words, or why there is none.
type Estimate struct {
	Known            bool
	Earliest, Latest time.Duration
	Basis            string
}

// Why explains a waiting job.
type Why struct {
	Position     int  // from 1 in its class's order; 0: does not wait
	PositionOver bool // the place is beyond 1,000
	Of           int  // how many jobs of its class wait, this one among them; counted to 1,000
	Reasons      []WhyReason
	// Devices fit, but are not to be had now: the first to be had first. Of a job
	// for several devices those of the host that comes closest, with its free ones.
	Devices []WhyDevice
	// FreeBy is when enough of them are free at the latest; zero: unknown.
	FreeBy   time.Time
	Estimate Estimate
}

// Change hints that a job changed.
type Change struct {
	Job   JobID
	State State
	Lost  bool // changes may have been missed: read again
	// Consumers is set where no job changed, but the consumers of this user may have
	// work, or are to end.
	Consumers string
}

// EventDamaged is the kind of what stands for an event that the store has damaged: of nobody's job.
const EventDamaged = "damaged"

// Event is a fact appended when a state changed.
type Event struct {
	ID      store.EntryID
	Job     JobID
	User    string
	Kind    string // the new state, or "released", "lost", "retry", "cancel_requested", …; EventDamaged
	Text    string // in words
	At      time.Time
	Attempt int
}

// Claimed answers a claim: the lease and what to run.
type Claimed struct {
	Job    Job
	Spec   Spec
	Fence  uint64
	Replay bool
}

// ClaimRequest is an agent's choice.
type ClaimRequest struct {
	Host  string
	Epoch uint64
	Job   JobID
	// User is the job's, as the choice says; where it is "", the claim reads it first.
	User        string
	Devices     []string
	ClaimID     string
	TokenSHA256 []byte
	WorkDir     string
	// Held, where FairHeld is set, is the choice's: a claim that finds that the
	// job's user holds more devices by now is refused with ErrBusy, so that two
	// agents at the same moment cannot both favour the same user.
	Held     int64
	FairHeld bool
}

// RenewAnswer is what an agent learns of one of its leases.
type RenewAnswer struct {
	Ref    LeaseRef
	Gone   bool   // not its lease any more: kill and throw away
	Cancel bool   // stop it, with grace, and finish it as cancelled
	Why    string // who cancelled, in words
	Then   string // "requeue": release instead of finish (a revoke)
}

// Finish is how an attempt ended.
type Finish struct {
	Outcome  Outcome // succeeded, failed, timed_out, cancelled; or lost, when its slot died under a living agent
	Reason   Reason  // of a failure
	Detail   string
	ExitCode int
	Signal   string
	Result   Result
	Inline   []byte // the envelope itself where Result.Inline
	// WorkBytes is what the files in the job's folder hold.
	WorkBytes int64
}
