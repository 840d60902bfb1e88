package scheduler

import "time"

// JobID names a job: a small integer that counts up and is never issued twice.
// It may have gaps.
type JobID int64

// State is where a job is.
type State string

// The states of a job. The last three are final and never change.
const (
	// Scheduled: waits for a time (run_at, a retry's backoff) or for other
	// jobs (after). In by Submit or Finish; out by Promote or Cancel.
	Scheduled State = "scheduled"
	// Queued: waits for a device. In by Submit, Promote, Release or Reap; out by Claim, Cancel or Promote (queue timeout).
	Queued State = "queued"
	// Leased: an agent holds devices for it, nothing of the user's runs yet.
	// In by Claim; out by Start, Release or Reap.
	Leased State = "leased"
	// Running: the call was handed to a runner. In by Start; out by Finish, Release or Reap.
	Running State = "running"
	// Succeeded: an attempt that held the current fence returned a value.
	Succeeded State = "succeeded"
	// Failed: see the job's Reason. The failed jobs are the dead letters.
	Failed State = "failed"
	// Cancelled: by its user or an admin.
	Cancelled State = "cancelled"
)

// Final reports whether a job in this state never changes again.
func (s State) Final() bool { return s == Succeeded || s == Failed || s == Cancelled }

// Active reports whether a job in this state holds a lease.
func (s State) Active() bool { return s == Leased || s == Running }

// Reason says why a job failed.
type Reason string

// The reasons of failed jobs.
const (
	ReasonError       Reason = "error"       // the function raised, or the command ended with a code other than 0
	ReasonTimeout     Reason = "timeout"     // its time limit passed
	ReasonOOM         Reason = "oom"         // the host's or the device's memory was exhausted
	ReasonKilled      Reason = "killed"      // the runner died of a signal that was not ours
	ReasonLost        Reason = "lost"        // its lease was lost more often than the infrastructure's budget allows
	ReasonRejected    Reason = "rejected"    // the runner could not read the call, or the result could not be kept
	ReasonExpired     Reason = "expired"     // its queue timeout passed
	ReasonDependency  Reason = "dependency"  // a job that it was to follow failed or was cancelled
	ReasonUnplaceable Reason = "unplaceable" // released unrun 20 times
)

// Reasons lists all of them.
func Reasons() []Reason {
	return []Reason{
		ReasonError, ReasonTimeout, ReasonOOM, ReasonKilled, ReasonLost, ReasonRejected, ReasonExpired, ReasonDependency, ReasonUnplaceable,
	}
}

// Outcome is how an attempt ended.
type Outcome string

// The outcomes of attempts.
const (
	OutcomeSucceeded Outcome = "succeeded"
	OutcomeFailed    Outcome = "failed"
	OutcomeTimedOut  Outcome = "timed_out"
	OutcomeCancelled Outcome = "cancelled"
	OutcomeLost      Outcome = "lost"
	OutcomeReleased  Outcome = "released"
)

// Attempt is one try to run a job. While its job is active, the last attempt
// is the lease: the right to run on Devices until the agent's heartbeat ends.
type Attempt struct {
	N       int    // from 1
	Fence   uint64 // grows per job and per device; names a lease only together with the job
	ClaimID string // made by the agent, recognises a repeated claim
	Host    string
	Epoch   uint64   // of the agent process that claimed
	Devices []string // UUIDs
	// TokenSHA256 is the hash of the attempt's own token (MLQ_TOKEN), good
	// while the lease is.
	TokenSHA256 []byte
	Claimed     time.Time
	Started     time.Time // zero: never started
	Ended       time.Time // zero: not ended
	Outcome     Outcome   // "" while it lasts
	Cause       string    // in words: why it was released, lost, or failed
	ExitCode    int       // of the runner; -1 if it died of Signal or never ran
	Signal      string    // "SIGKILL", "" if none
	WorkDir     string    // on the host
	WorkBytes   int64     // what its files held at the end, as far as they were counted
	Closing     Closing   // what it was told of a drain with a deadline
	// BlockedOn is the job whose result is all that it waits for just now; 0: none.
	BlockedOn JobID
}

// Result points to what the last attempt returned: an envelope (docs/envelope.md)
// that is kept in the store up to InlineLimit, else as a blob.
type Result struct {
	SHA256 string // hex, of the envelope; "" if there is none
	Size   int64  // bytes of the envelope
	Inline bool   // the bytes are in the store
	// Short is the short result: the value's text, cut at 1 KiB; always valid UTF-8.
	Short string
	// Files is the SHA-256 of the manifest (a JSON blob) of what lay in out/, "" if nothing.
	Files     string
	FileCount int
}

// InlineLimit is the size in bytes up to which results are kept in the store.
const InlineLimit = 8 << 10

// Job is the live record of a job, without its spec.
type Job struct {
	ID       JobID
	Version  uint64 // of the record as read
	State    State
	Reason   Reason // of a failed job
	Detail   string // one line in words: the exception, the signal, who cancelled
	User     string
	Unix     string // the user's account on hosts, "" if none
	Name     string // given by the user, or the function's
	Class    string // the canonical placement request (Request.Class)
	Shared   bool   // waits in the index that the classes beyond maxClasses share
	Priority int    // −10…10, higher first
	Devices  int    // how many devices it holds when it runs
	Rank     uint64 // place in the fair order of its class (queue.go)
	Epoch    uint64 // of the store when it was submitted: an older one waits out a hold-off

	Submitted time.Time
	QueuedAt  time.Time // last time that it entered the queue
	NotBefore time.Time // of a scheduled job: run_at or the end of a backoff
	ExpiresAt time.Time // QueueTimeout after QueuedAt; zero: none
	EndedAt   time.Time

	Timeout         time.Duration // of one attempt; 0: none
	TimeoutFrom     LimitFrom     // whose limit that is
	QueueTimeout    time.Duration // how long it may stand in the queue; 0: for ever
	Grace           time.Duration // between SIGTERM and SIGKILL
	Retries         int           // the user's, left
	Failures        int           // the user's, so far (backoff)
	Losses          int           // attempts that started and were lost: the infrastructure's budget
	Releases        int           // attempts released unrun
	KeepOnPartition bool          // on_partition=keep
	ResultTTL       time.Duration // 0: for ever
	Hold            bool          // nothing runs: its user works on the devices by hand, for Timeout
	Message         bool          // registered functions are run on a message
	Functions       []string      // of a message: which, in that order; nil: all that are registered
	// Awaits are the functions that a scheduled message waits for: not registered, or
	// AnyFunction.
	Awaits []string
	// Asked is the class of what the request asks of a host, where Class says that
	// consumers take the message; else "".
	Asked         string
	After         []JobID
	Pending       []JobID // of After: those that have not succeeded yet
	HasDependents bool    // some job names it in after
	// Avoid: hosts that released it, and until when they are not offered it again.
	Avoid map[string]time.Time

	CancelRequested bool
	CancelBy        string // who, and why
	CancelThen      string // "" or "requeue": what a revoke asked for

	Progress string // JSON text of the last reported value, "" if none
	Callback Callback
	// LogBytes is how much of the current attempt's log has been uploaded.
	LogBytes int64

	RequeueOf  JobID
	RequeuedAs JobID

	Attempts []Attempt
	Result   Result
}

// Attempt returns the last attempt, or nil.
func (j *Job) Attempt() *Attempt {
	if len(j.Attempts) == 0 {
		return nil
	}
	return &j.Attempts[len(j.Attempts)-1]
}

// LeaseRef names a lease: every write of an agent carries it.
type LeaseRef struct {
	Job   JobID
	Fence uint64
}
