package record

// World is the first line: what the run was, kind "world".
type World struct {
	Seed  uint64  `json:"seed"`
	Scale float64 `json:"scale"` // the timing's: 20 makes a lease of 75 s one of 3.75 s
	// BootNS and UnixNS are one moment on both clocks.
	BootNS int64 `json:"boot_ns"`
	UnixNS int64 `json:"unix_ns"`
	// RecoveryNS is the most that may pass between the death of a host's processes
	// and the end of its leases: the lease, two rounds of the reaper, and what a busy
	// machine is granted. 0: recovery is not checked.
	RecoveryNS int64 `json:"recovery_ns,omitempty"`
	// PauseGraceNS is how long what a paused host ran may go on after it woke: the time
	// that its watchdogs take.
	PauseGraceNS int64 `json:"pause_grace_ns,omitempty"`
	// BelieveNS is for how long an agent believes in its leases after a heartbeat that was
	// acknowledged, also by a store that lost it.
	BelieveNS int64 `json:"believe_ns,omitempty"`
}

// The operations of clients.
const (
	Submit  = "submit"
	Get     = "get"
	Cancel  = "cancel"
	Requeue = "requeue"
)

// Op is one operation of a client on one job, kind "op". A batch is one Op for
// each of its jobs. An operation is what the client meant: tries that were
// repeated under one idempotency key are one Op.
type Op struct {
	Client string `json:"client"`
	Op     string `json:"op"`
	CallNS int64  `json:"call_ns"`
	// ReturnNS is when the answer was there; of no meaning with Unknown.
	ReturnNS int64 `json:"return_ns,omitempty"`
	// Tries is how often a submit was sent, what Go's client repeats by itself included.
	Tries int `json:"tries,omitempty"`
	// LastNS is when the try began that was answered, where there were several; 0: CallNS.
	LastNS int64 `json:"last_ns,omitempty"`
	// Unknown: there was no answer that says whether it was done; it may have been, or
	// may still be.
	Unknown bool `json:"unknown,omitempty"`
	// Refused is the code of an answer that says no ("already-final", "not-found", …).
	Refused string `json:"refused,omitempty"`

	// Job is what was asked about; of a submit, the id that was answered (0: unknown).
	Job int64 `json:"job,omitempty"`
	// Name is the name that a submit gave its job, one of its own to each: by it a job
	// is known whose submit had no answer.
	Name string `json:"name,omitempty"`
	// After are the jobs that a submit's job is to follow.
	After []int64 `json:"after,omitempty"`

	// What the answer told of the job: State and Already of a cancel, NewJob of a
	// requeue, all others of a get.
	State    string `json:"state,omitempty"`
	Attempts int    `json:"attempts,omitempty"`     // how many it had
	Fence    uint64 `json:"fence,string,omitempty"` // the last one's
	Result   string `json:"result,omitempty"`       // the short result
	Already  bool   `json:"already,omitempty"`      // a cancel found it cancelled, or final
	Shown    int64  `json:"shown,omitempty"`        // the id of another job than was asked about
	NewJob   int64  `json:"new_job,omitempty"`
}

// Fault is one step of the nemesis, kind "fault".
type Fault struct {
	ID     int    `json:"id"`    // of this fault in this run: inject and heal share it
	Fault  string `json:"fault"` // its number in the table: "F3"
	Step   string `json:"step"`  // "inject" or "heal"
	Target string `json:"target,omitempty"`
	Detail string `json:"detail,omitempty"`
	AtNS   int64  `json:"at_ns"`
}

// The steps of a Fault.
const (
	Inject = "inject"
	Heal   = "heal"
)

// The kinds of an Interval.
const (
	// Loss: the store lost, or may have lost, what it acknowledged in this time.
	Loss = "loss"
	// Pause: all processes of a host stood still.
	Pause = "pause"
	// Silent: no process of a host's agent lived. Its leases must end.
	Silent = "silent"
	// Outage: no server could reach the store: no recovery can be expected meanwhile,
	// nor within RecoveryNS of its end.
	Outage = "outage"
	// Clock: the wall clock of a server of the store was the machine's and so much.
	Clock = "clock"
)

// Interval is a time in which something was so; its kind is one of the five above.
type Interval struct {
	Kind   string `json:"kind"`
	Host   string `json:"host,omitempty"` // of a pause or a silence; of a clock the server
	FromNS int64  `json:"from_ns"`
	ToNS   int64  `json:"to_ns"`
	// OffsetNS is, of a clock, by how much it was ahead.
	OffsetNS int64 `json:"offset_ns,omitempty"`
}

// The kinds of a Truth.
const (
	Start = "start"
	Beat  = "beat"
	End   = "end"
)

// Truth is what a job's own process wrote, appended with one write: when it
// started, every 20 ms while it ran, and just before it returned. A job with
// several devices writes each line once for each.
type Truth struct {
	Kind    string `json:"kind"`
	Job     int64  `json:"job"`
	Attempt int    `json:"attempt"`
	Fence   uint64 `json:"fence,string"`
	Device  string `json:"device"`
	Host    string `json:"host"`
	BootNS  int64  `json:"boot_ns"`
	// Value is, at the end, the text that it returns.
	Value string `json:"value,omitempty"`
}

// Job is what the API tells of a job when all is over, kind "job": one line for
// each job that is there.
type Job struct {
	ID         int64     `json:"id"`
	Name       string    `json:"name,omitempty"`
	State      string    `json:"state"`
	Reason     string    `json:"reason,omitempty"`
	Result     string    `json:"result,omitempty"` // the short result
	Cancelled  bool      `json:"cancel_requested,omitempty"`
	RequeueOf  int64     `json:"requeue_of,omitempty"`
	RequeuedAs int64     `json:"requeued_as,omitempty"`
	Attempts   []Attempt `json:"attempts"`
}

// Attempt is one attempt of a Job, with the store's times in Unix nanoseconds;
// 0: never.
type Attempt struct {
	N         int      `json:"n"`
	Fence     uint64   `json:"fence,string"`
	Host      string   `json:"host"`
	Devices   []string `json:"devices"`
	ClaimedNS int64    `json:"claimed_ns"`
	StartedNS int64    `json:"started_ns,omitempty"`
	EndedNS   int64    `json:"ended_ns,omitempty"`
	Outcome   string   `json:"outcome,omitempty"`
	Cause     string   `json:"cause,omitempty"`
}

// Finding is one thing that scheduler.Check repaired, or would have, kind "finding".
type Finding struct {
	Text string `json:"text"`
}

// Orphan is a process or a lock that outlived its job, kind "orphan".
type Orphan struct {
	Host string `json:"host,omitempty"`
	What string `json:"what"`
}
