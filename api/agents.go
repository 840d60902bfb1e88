package api

import (
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/scheduler"
)

// What an agent on another machine does with the scheduler, as calls: this
// server runs the transition, with the guards of every other caller. So any
// server may answer any of them, and one that ends in the middle costs nothing.

// agentState answers GET /agents/{host}: who has the name now.
func (s *Server) agentState(c *call, host string) (any, error) {
	seen, err := s.scheduler.AgentSeen(c.ctx(), host)
	return AgentState{Epoch: seen.Epoch, Beat: seen.Beat, Now: seen.Now}, err
}

// agentJoin answers POST /agents/{host}/join, the first half: the name. The
// leases tell the agent which kernel locks to try.
func (s *Server) agentJoin(c *call, host string, in *AgentJoin) (any, error) {
	if err := s.timesFit(in); err != nil {
		return nil, err
	}
	if err := checkInventory(&in.Inventory); err != nil {
		return nil, err
	}
	named, err := s.scheduler.TakeName(c.ctx(), in.Inventory.inventory(host), in.After)
	if err != nil {
		return nil, err
	}
	s.log.Info().Str("host", host).Uint64("epoch", named.Epoch).Str("token", c.who.Token).Msg("an agent joined")
	return AgentNamed{
		Epoch: named.Epoch, Rebooted: named.Rebooted,
		Leases: each(named.Leases, func(l scheduler.Lease) AgentHeld { return AgentHeld{l.Job, l.Devices} }),
	}, nil
}

// timesFit refuses an agent that would trust its leases for longer than this
// server leaves them to it.
func (s *Server) timesFit(in *AgentJoin) error {
	t := s.scheduler.Timing()
	if in.Believe <= 0 || in.Believe > t.Believe || in.Term <= 0 || in.Term > t.Term {
		return refuseField(CodeInvalidField, "/believe_ns", fmt.Sprintf(
			"believe_ns: this agent trusts its leases for %s and takes new ones for %s, this server's are for at most %s and %s; use one version, and one --time-scale",
			in.Believe, in.Term, t.Believe, t.Term))
	}
	return nil
}

// agentTakeOver answers POST /agents/{host}/takeover, the second half of a join.
func (s *Server) agentTakeOver(c *call, host string, in *AgentTakeOver) (any, error) {
	if err := checkRefs("/running", in.Running); err != nil {
		return nil, err
	}
	joined, err := s.scheduler.TakeOver(c.ctx(), scheduler.TakeOver{
		Host: host, Epoch: in.Epoch, Rebooted: in.Rebooted, Running: Leases(in.Running),
		Locked: func(uuid string) bool { return slices.Contains(in.Locked, uuid) },
	})
	if err != nil {
		return nil, err
	}
	return AgentJoined{
		Adopt: each(joined.Adopt, func(j scheduler.Job) AgentJob { return wireAgentJob(&j) }),
		Kill:  WireRefs(joined.Kill), Now: joined.Now,
	}, nil
}

// agentReport answers POST /agents/{host}/report.
func (s *Server) agentReport(c *call, host string, in *AgentReport) (any, error) {
	if err := checkInventory(&in.Inventory); err != nil {
		return nil, err
	}
	return nil, s.scheduler.Report(c.ctx(), host, in.Epoch, in.Inventory.inventory(host))
}

// agentRenew answers POST /agents/{host}/renew: the heartbeat.
func (s *Server) agentRenew(c *call, host string, in *AgentRenew) (any, error) {
	if err := s.renewals.allow(host, 1, "this agent renews far more often than its leases need"); err != nil {
		return nil, err
	}
	if in.Number == 0 {
		return nil, refuseField(CodeBadRequest, "/number", "number: want a whole number from 1")
	}
	if err := checkRefs("/leases", in.Leases); err != nil {
		return nil, err
	}
	renewed, err := s.scheduler.RenewNumbered(c.ctx(), host, in.Epoch, Leases(in.Leases), in.Number)
	if err != nil {
		return nil, err
	}
	return AgentRenewed{Now: renewed.Now, Leases: each(renewed.Answers, func(a scheduler.RenewAnswer) LeaseAnswer {
		return LeaseAnswer{WireRef(a.Ref), a.Gone, a.Cancel, a.Why, a.Then}
	})}, nil
}

// renewalRate is how many renewals a second one host may send: an agent sends
// ten at most, where notices ask for them, and else one in each RenewEvery or,
// while they fail, in a fifth of that.
func renewalRate(t scheduler.Timing) rates {
	perSecond := 40 + 20/t.RenewEvery.Seconds()
	return rates{perSecond: perSecond, burst: int(4 * perSecond)}
}
