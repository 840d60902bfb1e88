package agent

import (
	"context"

	"github.com/mlq-dev/mlq/scheduler"
)

// Scheduler is what an agent needs of the scheduler. *scheduler.Scheduler is
// one, on the store itself; api/agentclient has another, which asks a server.
// agent/agenttest is the contract that both keep.
//
// Safe for concurrent use. Refusals wrap the sentinels of package scheduler. An
// error that wraps store.ErrUnavailable says that the outcome is not known: the
// same call is made again, and recognised where it had been done. Of a Job only
// what names it, says how to run it and when it ended is given, and of its
// attempts the last.
type Scheduler interface {
	// Timing has the times by which this agent keeps its leases.
	Timing() scheduler.Timing
	Membership
	Queue
	Leases
}

// Membership is what makes a process the agent of its host, and keeps it that.
type Membership interface {
	// AgentSeen tells which process has the name, and when it was heard of.
	AgentSeen(ctx context.Context, host string) (scheduler.AgentSeen, error)
	// Join makes this process the agent of inv.Host. locked is asked, before Join
	// returns, of devices of leases that are not among the running.
	Join(ctx context.Context, inv scheduler.Inventory, running []scheduler.LeaseRef, locked func(uuid string) bool) (scheduler.Joined, error)
	// Report replaces the inventory.
	Report(ctx context.Context, host string, epoch uint64, inv scheduler.Inventory) error
	// Renew is the heartbeat. The agent's belief counts from before the call.
	Renew(ctx context.Context, host string, epoch uint64, refs []scheduler.LeaseRef) (scheduler.Renewed, error)
	// Orders are what admins ordered of the host's devices. A notice says that
	// there are new ones; the inventory, up to which number they were obeyed.
	Orders(ctx context.Context, host string) (scheduler.Orders, error)
}

// Queue is what leads to a lease.
type Queue interface {
	// Notices wakes the agent; the channel is closed when ctx ends. What was
	// missed while the line was down is one notice when it is up again.
	Notices(ctx context.Context, host string) (<-chan struct{}, error)
	// View is what Pick chooses from. WorkDirOK of the offer is not asked.
	View(ctx context.Context, o scheduler.Offer, seed uint64) (scheduler.View, error)
	// Revision tells whether a View would show anything new.
	Revision(ctx context.Context) (uint64, error)
	// Idle has the host woken for new jobs, or not any more.
	Idle(ctx context.Context, host string, idle bool) error
	// Claim takes a lease. Its ClaimID is JOB-RANDOM.
	Claim(ctx context.Context, c scheduler.ClaimRequest) (scheduler.Claimed, error)
	// Job and Spec read a job, Spec one that waits; ErrNotFound: the store does not know it.
	Job(ctx context.Context, id scheduler.JobID) (scheduler.Job, error)
	Spec(ctx context.Context, id scheduler.JobID) (scheduler.Spec, error)
}

// Leases are the steps of a lease. ErrStale, ErrNotFound and ErrFinal: it is over.
type Leases interface {
	Start(ctx context.Context, ref scheduler.LeaseRef) error
	Progress(ctx context.Context, ref scheduler.LeaseRef, value string) error
	// Finish names a result that lies inline or was uploaded; ErrBlobMissing: it
	// was not, or is not there any more.
	Finish(ctx context.Context, ref scheduler.LeaseRef, end scheduler.Finish) (scheduler.Job, error)
	Release(ctx context.Context, ref scheduler.LeaseRef, cause string) error
	// Await is a Release of a message for want of these functions.
	Await(ctx context.Context, ref scheduler.LeaseRef, missing []string) error
}

var _ Scheduler = (*scheduler.Scheduler)(nil)
