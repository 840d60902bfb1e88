package api

import (
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// each converts a list; an empty one is not null on the wire.
func each[A, B any](in []A, to func(A) B) []B {
	out := make([]B, len(in))
	for i := range in {
		out[i] = to(in[i])
	}
	return out
}

// some is each where an empty list is nil.
func some[A, B any](in []A, to func(A) B) []B {
	if len(in) == 0 {
		return nil
	}
	return each(in, to)
}

// WireRef is a lease on the wire.
func WireRef(r scheduler.LeaseRef) LeaseRef { return LeaseRef(r) }

// WireRefs are leases on the wire.
func WireRefs(refs []scheduler.LeaseRef) []LeaseRef { return each(refs, WireRef) }

// Lease is the scheduler's name of it.
func (r LeaseRef) Lease() scheduler.LeaseRef { return scheduler.LeaseRef(r) }

// Leases are the scheduler's names of them.
func Leases(refs []LeaseRef) []scheduler.LeaseRef { return each(refs, LeaseRef.Lease) }

func wireEnvironment(e scheduler.Environment) Environment { return Environment(e) }
func (e Environment) environment() scheduler.Environment  { return scheduler.Environment(e) }

// list is nil where absent and only there: no account is another thing than any.
func list(p *[]string) []string {
	if p == nil {
		return nil
	}
	return append([]string{}, *p...)
}

func wireList(l []string) *[]string {
	if l == nil {
		return nil
	}
	return &l
}

// WireInventory is an inventory on the wire.
func WireInventory(i scheduler.Inventory) AgentInventory {
	return AgentInventory{
		Version: i.Version, BootID: i.BootID, Devices: each(i.Devices, wireReport),
		Environments: each(i.Environments, wireEnvironment), Labels: i.Labels, Isolation: i.Isolation, RunAs: i.RunAs,
		Accounts: wireList(i.Accounts), AccountsByName: i.AccountsByName, ClockAhead: i.ClockAhead,
		Barred: each(i.Barred, func(b scheduler.Barred) AgentBarred { return AgentBarred(b) }),
		Links:  each(i.Links, wireLink), GPU: AgentDriver(i.GPU), Obeyed: i.Obeyed, Unlisted: i.Unlisted, Unsigned: i.Unsigned,
	}
}

func (i *AgentInventory) inventory(host string) scheduler.Inventory {
	inv := scheduler.Inventory{
		Host: host, Version: i.Version, BootID: i.BootID, Devices: each(i.Devices, AgentDevice.report),
		Environments: each(i.Environments, Environment.environment), Labels: i.Labels, Isolation: i.Isolation, RunAs: i.RunAs,
		Accounts: list(i.Accounts), AccountsByName: i.AccountsByName, ClockAhead: i.ClockAhead, Links: some(i.Links, AgentLink.link), GPU: gpu.Info(i.GPU), Obeyed: i.Obeyed, Unlisted: i.Unlisted,
		Unsigned: i.Unsigned,
	}
	for _, b := range i.Barred {
		inv.Barred = append(inv.Barred, scheduler.Barred(b))
	}
	return inv
}

// WireOffer is an offer on the wire.
func WireOffer(o *scheduler.Offer, seed uint64) AgentOffer {
	return AgentOffer{
		Seed: seed, Devices: each(o.Devices, wireOffered), Environments: each(o.Environments, wireEnvironment),
		Labels: o.Labels, Accounts: wireList(o.Accounts), RealElsewhere: o.RealElsewhere, Links: each(o.Links, wireLink),
	}
}

func (o *AgentOffer) offer(host string) scheduler.Offer {
	return scheduler.Offer{
		Host: host, Devices: each(o.Devices, AgentDevice.offered), Environments: each(o.Environments, Environment.environment),
		Labels: o.Labels, Accounts: list(o.Accounts), RealElsewhere: o.RealElsewhere, Links: some(o.Links, AgentLink.link),
	}
}

func wireView(v *scheduler.View) AgentView {
	held := v.Held
	if held == nil {
		held = map[string]int64{}
	}
	return AgentView{
		Entries: each(v.Entries, func(e scheduler.Entry) AgentEntry { return AgentEntry(e) }), Held: held,
		Drained: v.Drained, DrainedDevices: v.DrainedDevices, RealElsewhere: v.RealElsewhere, OnHold: v.OnHold,
		GangWait: v.GangWait, Idle: v.Idle, Now: v.Now, Identity: v.Identity, Revision: v.Revision,
	}
}

// View is the view that Pick takes.
func (v *AgentView) View() scheduler.View {
	return scheduler.View{
		Entries: each(v.Entries, func(e AgentEntry) scheduler.Entry { return scheduler.Entry(e) }), Held: v.Held,
		Drained: v.Drained, DrainedDevices: v.DrainedDevices, RealElsewhere: v.RealElsewhere, OnHold: v.OnHold,
		GangWait: v.GangWait, Idle: v.Idle, Now: v.Now, Identity: v.Identity, Revision: v.Revision,
	}
}

func wireAgentJob(j *scheduler.Job) AgentJob {
	w := AgentJob{
		Job: j.ID, State: j.State, User: j.User, Unix: j.Unix, Class: j.Class, Submitted: j.Submitted, EndedAt: j.EndedAt,
		Timeout: j.Timeout, Grace: j.Grace, KeepOnPartition: j.KeepOnPartition, Hold: j.Hold, Message: j.Message,
	}
	if a := j.Attempt(); a != nil {
		w.Attempt, w.Fence, w.Host, w.Epoch, w.Devices, w.Claimed = a.N, a.Fence, a.Host, a.Epoch, a.Devices, a.Claimed
	}
	return w
}

// AsJob is the part of the job, with its last attempt only.
func (w *AgentJob) AsJob() scheduler.Job {
	j := scheduler.Job{
		ID: w.Job, State: w.State, User: w.User, Unix: w.Unix, Class: w.Class, Submitted: w.Submitted, EndedAt: w.EndedAt,
		Timeout: w.Timeout, Grace: w.Grace, KeepOnPartition: w.KeepOnPartition, Hold: w.Hold, Message: w.Message,
	}
	if w.Attempt > 0 {
		j.Attempts = []scheduler.Attempt{{
			N: w.Attempt, Fence: w.Fence, Host: w.Host, Epoch: w.Epoch, Devices: w.Devices, Claimed: w.Claimed,
		}}
	}
	return j
}

func wireSpec(s *scheduler.Spec) AgentSpec {
	return AgentSpec{User: s.User, Unix: s.Unix, Media: s.Media, Body: s.Body, Signature: s.Signature}
}

// Spec is the scheduler's.
func (w *AgentSpec) Spec() scheduler.Spec {
	return scheduler.Spec{User: w.User, Unix: w.Unix, Media: w.Media, Body: w.Body, Signature: w.Signature}
}

// WireFinish is an attempt's end on the wire.
func WireFinish(ref scheduler.LeaseRef, f *scheduler.Finish) AgentFinish {
	r := &f.Result
	return AgentFinish{
		LeaseRef: WireRef(ref), Outcome: f.Outcome, Reason: f.Reason, Detail: f.Detail, ExitCode: f.ExitCode, Signal: f.Signal,
		WorkBytes: f.WorkBytes, SHA256: r.SHA256, Size: r.Size, Short: r.Short, Inline: f.Inline, Files: r.Files, FileCount: r.FileCount,
	}
}

func (f *AgentFinish) finish() scheduler.Finish {
	return scheduler.Finish{
		Outcome: f.Outcome, Reason: f.Reason, Detail: f.Detail, ExitCode: f.ExitCode, Signal: f.Signal, WorkBytes: f.WorkBytes,
		Result: scheduler.Result{
			SHA256: f.SHA256, Size: f.Size, Inline: f.Inline != nil, Short: f.Short, Files: f.Files, FileCount: f.FileCount,
		},
		Inline: f.Inline,
	}
}

func wireOrders(o *scheduler.Orders) AgentOrders { return AgentOrders(*o) }

// Orders are the scheduler's.
func (w *AgentOrders) Orders() scheduler.Orders { return scheduler.Orders(*w) }
