package agentclient

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

// joinTries bounds how often a join starts over because the name changed hands.
const joinTries = 4

// Join implements agent.Scheduler in three calls: whose the name is, the name,
// and, after the kernel locks of the devices concerned were tried here, the leases.
func (s *Scheduler) Join(ctx context.Context, inv scheduler.Inventory, running []scheduler.LeaseRef, locked func(uuid string) bool) (scheduler.Joined, error) {
	named, err := s.takeName(ctx, inv)
	if err != nil {
		return scheduler.Joined{}, err
	}
	take := api.AgentTakeOver{Epoch: named.Epoch, Rebooted: named.Rebooted, Running: api.WireRefs(running), Locked: tryLocks(named, running, locked)}
	var joined api.AgentJoined
	if err := s.post(ctx, "/takeover", take, &joined); err != nil {
		return scheduler.Joined{}, notReplaced(err)
	}
	out := scheduler.Joined{Epoch: named.Epoch, Kill: api.Leases(joined.Kill), Now: joined.Now}
	for i := range joined.Adopt {
		out.Adopt = append(out.Adopt, joined.Adopt[i].AsJob())
	}
	return out, nil
}

// AgentSeen implements agent.Scheduler.
func (s *Scheduler) AgentSeen(ctx context.Context, _ string) (scheduler.AgentSeen, error) {
	var last api.AgentState
	err := s.get(ctx, "", &last)
	return scheduler.AgentSeen{Epoch: last.Epoch, Beat: last.Beat, Now: last.Now}, err
}

// takeName says after whom this process comes, so that a request that is late
// takes the name from nobody. Where it was sent again after its answer was lost,
// this process comes after itself.
func (s *Scheduler) takeName(ctx context.Context, inv scheduler.Inventory) (named api.AgentNamed, err error) {
	for range joinTries {
		var last api.AgentState
		if err := s.get(ctx, "", &last); err != nil {
			return named, err
		}
		join := api.AgentJoin{
			After: last.Epoch, Believe: s.opts.Timing.Believe, Term: s.opts.Timing.Term, Inventory: api.WireInventory(inv),
		}
		err = s.post(ctx, "/join", join, &named)
		if !errors.Is(err, scheduler.ErrStaleAgent) {
			return named, err
		}
	}
	return named, notReplaced(err)
}

// notReplaced: whoever joins is never told that it was replaced, which would end it.
func notReplaced(err error) error {
	if errors.Is(err, scheduler.ErrStaleAgent) {
		return fmt.Errorf("%w: another process joins under this name too", scheduler.ErrConflictRepeat)
	}
	return err
}

// tryLocks tries the locks of the devices of all leases that do not run.
func tryLocks(named api.AgentNamed, running []scheduler.LeaseRef, locked func(string) bool) []string {
	runs := map[scheduler.JobID]bool{}
	for _, ref := range running {
		runs[ref.Job] = true
	}
	out := []string{}
	for _, lease := range named.Leases {
		for _, uuid := range lease.Devices {
			if !runs[lease.Job] && locked != nil && locked(uuid) {
				out = append(out, uuid)
			}
		}
	}
	return out
}

// Report implements agent.Scheduler.
func (s *Scheduler) Report(ctx context.Context, _ string, epoch uint64, inv scheduler.Inventory) error {
	return s.post(ctx, "/report", api.AgentReport{Epoch: epoch, Inventory: api.WireInventory(inv)}, nil)
}

// Renew implements agent.Scheduler: one call for all leases. A repeat has the
// number of the first try.
func (s *Scheduler) Renew(ctx context.Context, _ string, epoch uint64, refs []scheduler.LeaseRef) (scheduler.Renewed, error) {
	var out api.AgentRenewed
	in := api.AgentRenew{Epoch: epoch, Number: s.number.Add(1), Leases: api.WireRefs(refs)}
	if err := s.post(ctx, "/renew", in, &out); err != nil {
		return scheduler.Renewed{}, err
	}
	renewed := scheduler.Renewed{Now: out.Now}
	for _, a := range out.Leases {
		renewed.Answers = append(renewed.Answers, scheduler.RenewAnswer{Ref: a.Lease(), Gone: a.Gone, Cancel: a.Cancel, Why: a.Why, Then: a.Then})
	}
	return renewed, nil
}

// Orders implements agent.Scheduler.
func (s *Scheduler) Orders(ctx context.Context, _ string) (scheduler.Orders, error) {
	var o api.AgentOrders
	if err := s.get(ctx, "/orders", &o); err != nil {
		return scheduler.Orders{}, err
	}
	return o.Orders(), nil
}
