package api

import (
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// LeaseRef names a lease.
type LeaseRef struct {
	Job   scheduler.JobID `json:"job"`
	Fence uint64          `json:"fence"`
}

// AgentRenew is the body of POST /agents/{host}/renew.
type AgentRenew struct {
	Epoch  uint64     `json:"epoch"`
	Number uint64     `json:"number"` // from 1, grows with each sending
	Leases []LeaseRef `json:"leases"`
}

// AgentRenewed answers it.
type AgentRenewed struct {
	Leases []LeaseAnswer `json:"leases"`
	Now    time.Time     `json:"now"`
}

// LeaseAnswer is what a renewal says of one lease.
type LeaseAnswer struct {
	LeaseRef
	Gone   bool   `json:"gone,omitempty"`
	Cancel bool   `json:"cancel,omitempty"`
	Why    string `json:"why,omitempty"`
	Then   string `json:"then,omitempty"`
}

// AgentClaim is the body of POST /agents/{host}/claim.
type AgentClaim struct {
	Epoch       uint64          `json:"epoch"`
	Job         scheduler.JobID `json:"job"`
	User        string          `json:"user,omitempty"` // the job's; "": it is looked up
	Devices     []string        `json:"devices"`
	ClaimID     string          `json:"claim_id"` // JOB-RANDOM
	TokenSHA256 []byte          `json:"token_sha256"`
	WorkDir     string          `json:"workdir"`
	// Held: the user may hold so many devices; absent: the choice was not between users.
	Held *int64 `json:"held,omitempty"`
}

// AgentClaimed answers it.
type AgentClaimed struct {
	Job    AgentJob  `json:"job"`
	Spec   AgentSpec `json:"spec"`
	Fence  uint64    `json:"fence"`
	Replay bool      `json:"replay,omitempty"`
}

// AgentJob is as much of a job as an agent needs.
type AgentJob struct {
	Job             scheduler.JobID `json:"job"`
	State           scheduler.State `json:"state"`
	User            string          `json:"user"`
	Unix            string          `json:"unix,omitempty"`
	Class           string          `json:"class"`
	Submitted       time.Time       `json:"submitted"`
	EndedAt         time.Time       `json:"ended_at,omitzero"`
	Timeout         time.Duration   `json:"timeout_ns,omitempty"`
	Grace           time.Duration   `json:"grace_ns,omitempty"`
	KeepOnPartition bool            `json:"keep_on_partition,omitempty"`
	Hold            bool            `json:"hold,omitempty"`
	Message         bool            `json:"message,omitempty"`
	// Of the last attempt; N is 0 where there was none.
	Attempt int       `json:"attempt,omitempty"`
	Fence   uint64    `json:"fence,omitempty"`
	Host    string    `json:"host,omitempty"`
	Epoch   uint64    `json:"epoch,omitempty"`
	Devices []string  `json:"devices,omitempty"`
	Claimed time.Time `json:"claimed,omitzero"`
}

// AgentSpec is what is to be run.
type AgentSpec struct {
	User  string `json:"user"`
	Unix  string `json:"unix,omitempty"`
	Media string `json:"media"`
	Body  []byte `json:"body"`
	// Signature of the server that took the job, over this and the job's id and terms.
	Signature []byte `json:"signature,omitempty"`
}

// AgentProgress is the body of POST /agents/{host}/progress.
type AgentProgress struct {
	LeaseRef
	Progress string `json:"progress"` // JSON text
}

// AgentRelease is the body of POST /agents/{host}/release.
type AgentRelease struct {
	LeaseRef
	Cause string `json:"cause"`
	// Awaits are functions that are not registered any more, for want of which the
	// message could not be run; "*": there is none at all.
	Awaits []string `json:"awaits,omitempty"`
}

// AgentFinish is the body of POST /agents/{host}/finish.
type AgentFinish struct {
	LeaseRef
	Outcome   scheduler.Outcome `json:"outcome"`
	Reason    scheduler.Reason  `json:"reason,omitempty"`
	Detail    string            `json:"detail,omitempty"`
	ExitCode  int               `json:"exit_code"`
	Signal    string            `json:"signal,omitempty"`
	WorkBytes int64             `json:"work_bytes,omitempty"`
	// The result: its envelope is in inline, or was uploaded under its digest.
	SHA256    string `json:"sha256,omitempty"`
	Size      int64  `json:"size,omitempty"`
	Short     string `json:"short,omitempty"`
	Inline    []byte `json:"inline,omitempty"`
	Files     string `json:"files,omitempty"` // digest of the manifest of out/
	FileCount int    `json:"file_count,omitempty"`
}
