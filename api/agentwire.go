package api

import (
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// The words of an agent and its server under /agents/{host}. Durations are
// nanoseconds. agentconvert.go turns them into the scheduler's and back, for both sides.

// LeaseRef names a lease.
type LeaseRef struct {
	Job   scheduler.JobID `json:"job"`
	Fence uint64          `json:"fence"`
}

// AgentBarred is a working directory that jobs of an account may not enter.
type AgentBarred struct {
	Dir  string `json:"dir"`
	Unix string `json:"unix,omitempty"`
}

// AgentInventory is what an agent reports of its host.
type AgentInventory struct {
	Version      string            `json:"version"`
	BootID       string            `json:"boot_id"`
	Devices      []AgentDevice     `json:"devices"`
	Environments []Environment     `json:"environments"`
	Labels       map[string]string `json:"labels,omitempty"`
	Isolation    string            `json:"isolation,omitempty"`
	RunAs        string            `json:"run_as,omitempty"`
	Accounts     *[]string         `json:"accounts,omitempty"` // absent: any
	// AccountsByName: the host has more accounts than are listed.
	AccountsByName bool          `json:"accounts_by_name,omitempty"`
	Barred         []AgentBarred `json:"barred,omitempty"`
	ClockAhead     time.Duration `json:"clock_ahead_ns,omitempty"`
	Links          []AgentLink   `json:"links,omitempty"`
	GPU            AgentDriver   `json:"gpu,omitzero"`
	Obeyed         uint64        `json:"obeyed,omitempty"`   // the number of the orders that the agent obeyed last
	Unlisted       string        `json:"unlisted,omitempty"` // why it does not know its devices yet
}

// AgentState answers GET /agents/{host}.
type AgentState struct {
	Epoch uint64    `json:"epoch"`         // 0: no process has the name
	Beat  time.Time `json:"beat,omitzero"` // when the process was heard of, by the store's clock
	Now   time.Time `json:"now,omitzero"`  // by that clock
}

// AgentJoin is the body of POST /agents/{host}/join.
type AgentJoin struct {
	After     uint64         `json:"after"` // the epoch that GET /agents/{host} gave
	Believe   time.Duration  `json:"believe_ns"`
	Term      time.Duration  `json:"term_ns"`
	Inventory AgentInventory `json:"inventory"`
}

// AgentNamed answers it.
type AgentNamed struct {
	Epoch    uint64      `json:"epoch"`
	Rebooted bool        `json:"rebooted"`
	Leases   []AgentHeld `json:"leases"`
}

// AgentHeld is a lease of the name that is joined, and its devices.
type AgentHeld struct {
	Job     scheduler.JobID `json:"job"`
	Devices []string        `json:"devices"`
}

// AgentTakeOver is the body of POST /agents/{host}/takeover.
type AgentTakeOver struct {
	Epoch    uint64     `json:"epoch"`
	Rebooted bool       `json:"rebooted"`
	Running  []LeaseRef `json:"running"`
	Locked   []string   `json:"locked"` // devices whose kernel lock the agent holds now
}

// AgentJoined answers it.
type AgentJoined struct {
	Adopt []AgentJob `json:"adopt"`
	Kill  []LeaseRef `json:"kill"`
	Now   time.Time  `json:"now"`
}

// AgentReport is the body of POST /agents/{host}/report.
type AgentReport struct {
	Epoch     uint64         `json:"epoch"`
	Inventory AgentInventory `json:"inventory"`
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

// AgentOffer is the body of POST /agents/{host}/view.
type AgentOffer struct {
	Seed          uint64            `json:"seed"`
	Devices       []AgentDevice     `json:"devices"`
	Environments  []Environment     `json:"environments"`
	Labels        map[string]string `json:"labels,omitempty"`
	Accounts      *[]string         `json:"accounts,omitempty"` // absent: any
	RealElsewhere bool              `json:"real_elsewhere,omitempty"`
	Links         []AgentLink       `json:"links,omitempty"`
}

// AgentView answers it.
type AgentView struct {
	Entries        []AgentEntry      `json:"entries"`
	Held           map[string]int64  `json:"held"`
	Drained        string            `json:"drained,omitempty"`
	DrainedDevices map[string]string `json:"drained_devices,omitempty"`
	RealElsewhere  bool              `json:"real_elsewhere,omitempty"`
	OnHold         int               `json:"on_hold,omitempty"`
	GangWait       time.Duration     `json:"gang_wait_ns"`
	Idle           int64             `json:"idle"`
	Now            time.Time         `json:"now"`
	Identity       string            `json:"identity"`
	Revision       uint64            `json:"revision"`
}

// AgentEntry is a waiting job in a view.
type AgentEntry struct {
	Job        scheduler.JobID `json:"job"`
	User       string          `json:"user"`
	Unix       string          `json:"unix,omitempty"`
	Class      string          `json:"class"`
	Priority   int             `json:"priority,omitempty"`
	Rank       uint64          `json:"rank"`
	Devices    int             `json:"devices"`
	Since      time.Time       `json:"since"`
	MaxDevices int             `json:"max_devices,omitempty"`
	Timeout    time.Duration   `json:"timeout_ns,omitempty"`
}

// AgentIdle is the body of POST /agents/{host}/idle.
type AgentIdle struct {
	Idle bool `json:"idle"`
}

// AgentRevision answers GET /agents/{host}/revision.
type AgentRevision struct {
	Revision uint64 `json:"revision"`
}

// AgentOrders answers GET /agents/{host}/orders. The keys are UUIDs, "" is the host.
type AgentOrders struct {
	Number   uint64               `json:"number"`             // grows with each change; 0: there was none
	Tolerate map[string]int64     `json:"tolerate,omitempty"` // bytes
	Resets   map[string]time.Time `json:"resets,omitempty"`
	Detached map[string]string    `json:"detached,omitempty"` // who, and why
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
