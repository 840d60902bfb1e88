package api

import (
	"time"

	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler"
)

// The words of an agent and its server under /agents/{host}. Durations are
// nanoseconds. agentconvert.go turns them into the scheduler's and back, for both sides.

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
	Unsigned       uint64        `json:"unsigned,omitempty"` // jobs that it refused because no server had signed them
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

// AgentSigners answers GET /agents/{host}/signers: by which keys servers sign jobs, and
// for which namespace.
type AgentSigners = signing.Set
