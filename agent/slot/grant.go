package slot

import (
	"time"

	"github.com/mlq-dev/mlq/agent/isolation"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// Grant is a lease as the slot needs it: which job, on what, as whom, until when.
type Grant struct {
	Job     scheduler.JobID `json:"job"`
	Attempt int             `json:"attempt"`
	Fence   uint64          `json:"fence"`
	Devices []Device        `json:"devices"`

	// Python is the interpreter of the environment that the job asked for, and
	// Environment its name, for messages.
	Python      string `json:"python"`
	Environment string `json:"environment"`

	// JobDir is MLQ_JOB_DIR: made by the agent, owned by the user that the job
	// runs as. Its out/ is collected at the end; its tmp/ is TMPDIR.
	JobDir string `json:"job_dir"`
	// WorkDir is where the process starts; "" is JobDir.
	WorkDir string `json:"work_dir,omitempty"`
	// Home is HOME; "" is JobDir.
	Home string `json:"home,omitempty"`

	// Account is who the job runs as; nil is the slot's own user.
	Account *Account `json:"account,omitempty"`
	// Shared: jobs of several users run as the slot's own user, so that none
	// may be forked from a parent that another one could have written into.
	Shared bool `json:"shared,omitempty"`

	// Vars are the job's env_vars and its user's secrets. They are never written to disk.
	Vars map[string]string `json:"vars,omitempty"`
	// URL and Token become MLQ_URL and MLQ_TOKEN. The token is never written to disk.
	URL   string `json:"url,omitempty"`
	Token string `json:"token,omitempty"`

	// Timeout counts from go; 0: none.
	Timeout time.Duration `json:"timeout_ns,omitempty"`
	// Grace lies between SIGTERM and SIGKILL where a stop names none of its own.
	Grace time.Duration `json:"grace_ns,omitempty"`
	// Deadline is the CLOCK_BOOTTIME at which the belief in the lease ends.
	Deadline time.Duration `json:"deadline_ns"`
	// Keep: on_partition=keep, the deadline is not enforced once the job has started.
	Keep bool `json:"keep,omitempty"`

	// Hold: the job runs nothing; its devices are for somebody at the host.
	Hold *Hold `json:"hold,omitempty"`

	Limits Limits `json:"limits"`
	// Isolation is the control group that holds all of the job; nil: none does.
	Isolation *isolation.Spec `json:"isolation,omitempty"`
}

// Hold says for whom devices are held. It is the agent's to know: it finds it here
// again after a restart.
type Hold struct {
	// UID is the account whose processes on the devices are the holder's; nil: none is known.
	UID *uint32 `json:"uid,omitempty"`
}

// Device is one device of a grant.
type Device struct {
	UUID string   `json:"uuid"`
	Kind gpu.Kind `json:"kind"`
	// Minor is the N of /dev/nvidiaN; GI and CI the instances of a slice.
	Minor int `json:"minor,omitempty"`
	GI    int `json:"gi,omitempty"`
	CI    int `json:"ci,omitempty"`
}

// Account is a unix account.
type Account struct {
	Name   string   `json:"name"`
	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Groups []uint32 `json:"groups,omitempty"`
}

// Limits of a job's processes; 0: none.
type Limits struct {
	Processes int64 `json:"processes,omitempty"`  // RLIMIT_NPROC: of the user; set where the user changes
	OpenFiles int64 `json:"open_files,omitempty"` // RLIMIT_NOFILE
	FileSize  int64 `json:"file_size,omitempty"`  // bytes, RLIMIT_FSIZE
}

// Ref names the lease.
func (g *Grant) Ref() scheduler.LeaseRef {
	return scheduler.LeaseRef{Job: g.Job, Fence: g.Fence}
}

// Stop says how and why an attempt is ended before its time.
type Stop struct {
	// Outcome that the attempt gets: cancelled, released where the job is to be
	// queued again, or lost where its device is gone.
	Outcome scheduler.Outcome
	Why     string // in words, for the attempt's detail
	// Grace between SIGTERM and SIGKILL; negative: the grant's.
	Grace time.Duration
}
