package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Join makes this process the agent of its host: the older one, if any, is
// refused from now on (ErrStaleAgent). running are the leases that its slots
// still work on, locked reports whether this process holds the kernel lock of
// a device. Leases of the host that are not running are ended at once where
// that is certain — all their devices are locked, or the host was booted
// since — and otherwise when they expire.
//
// It is TakeName and TakeOver in one; an agent whose scheduler is on another
// machine does them one by one, and tries the locks in between.
func (s *Scheduler) Join(ctx context.Context, inv Inventory, running []LeaseRef, locked func(uuid string) bool) (Joined, error) {
	named, err := s.takeName(ctx, inv, nil)
	if err != nil {
		return Joined{}, err
	}
	return s.TakeOver(ctx, TakeOver{Host: inv.Host, Epoch: named.Epoch, Rebooted: named.Rebooted, Running: running, Locked: locked})
}

// Named answers TakeName.
type Named struct {
	Epoch    uint64 // of this agent process
	Rebooted bool   // the host was booted since the last agent of this name joined
	Leases   []Lease
}

// TakeName is the first half of Join. after is the epoch that the caller found
// (AgentSeen): where the name is another's by now it is refused with
// ErrStaleAgent, so that a request that was long on its way takes nothing from
// anybody. Leases are those that the name holds.
func (s *Scheduler) TakeName(ctx context.Context, inv Inventory, after uint64) (Named, error) {
	named, err := s.takeName(ctx, inv, &after)
	if err != nil {
		return named, err
	}
	named.Leases, err = s.leasesOn(ctx, inv.Host)
	return named, err
}

// AgentSeen is what the store knows of the process that has an agent's name.
type AgentSeen struct {
	Epoch uint64    // 0: none ever had it, or the store lost it
	Beat  time.Time // of its last heartbeat, as the store's clock says; zero: none is known
	Now   time.Time // by the same clock
}

// AgentSeen tells who has an agent's name, and when it was heard of.
func (s *Scheduler) AgentSeen(ctx context.Context, host string) (AgentSeen, error) {
	q := store.Query{Keys: []string{keyAgent(host), keyBeat(host)}}
	answer, err := s.store.Read(ctx, q)
	if err != nil {
		return AgentSeen{}, fmt.Errorf("read agent: %w", err)
	}
	f := newFacts(q, answer)
	a, _ := orEmpty[agentRecord](f, keyAgent(host))
	seen := AgentSeen{Epoch: a.Epoch, Now: f.Now}
	if b, version := orEmpty[beatRecord](f, keyBeat(host)); version != 0 && b.Epoch == a.Epoch {
		seen.Beat = unstamp(b.At)
	}
	return seen, nil
}

// TakeOver is what a new agent process says of the leases of its name.
type TakeOver struct {
	Host     string
	Epoch    uint64
	Rebooted bool
	Running  []LeaseRef // its slots still work on them
	// Locked reports whether the process holds a device's kernel lock; nil: of none.
	Locked func(uuid string) bool
}

// TakeOver is the second half of Join: it adopts what runs, and ends what
// certainly does not.
func (s *Scheduler) TakeOver(ctx context.Context, t TakeOver) (Joined, error) {
	active, err := s.activeOn(ctx, t.Host)
	if err != nil {
		return Joined{}, fmt.Errorf("join: %w", err)
	}
	joined := Joined{Epoch: t.Epoch}
	for _, id := range active {
		adopted, err := s.reconcile(ctx, t, id)
		if err != nil {
			return Joined{}, err
		}
		if adopted != nil {
			joined.Adopt = append(joined.Adopt, *adopted)
		}
	}
	for _, ref := range t.Running {
		if !slices.ContainsFunc(joined.Adopt, func(job Job) bool { return job.ID == ref.Job }) {
			joined.Kill = append(joined.Kill, ref)
		}
	}
	now, err := s.Now(ctx)
	joined.Now = now
	return joined, err
}

// takeName gives the process an epoch above all earlier ones of its name.
func (s *Scheduler) takeName(ctx context.Context, inv Inventory, after *uint64) (Named, error) {
	t := transition[Named]{name: "join", freeing: true, patient: true, query: store.Query{Keys: []string{keyAgent(inv.Host)}}}
	t.decide = func(f *facts) (p plan[Named], err error) {
		old, version := orEmpty[agentRecord](f, keyAgent(inv.Host))
		if after != nil && old.Epoch != *after {
			return p, fmt.Errorf("%w: a newer process joined as %s", ErrStaleAgent, inv.Host)
		}
		a := agentRecord{
			Epoch: max(old.Epoch+1, uint64(f.Now.UnixMilli())), BootID: inv.BootID,
			Joined: stamp(f.Now),
		}
		p.guard(store.At(keyAgent(inv.Host), version))
		p.effect(store.Put(keyAgent(inv.Host), encode(a)),
			store.Put(keyBeat(inv.Host), encode(beatRecord{Epoch: a.Epoch, At: stamp(f.Now)})))
		p.putInventory(inv, f)
		p.value = Named{Epoch: a.Epoch, Rebooted: old.BootID != "" && inv.BootID != "" && old.BootID != inv.BootID}
		return p, nil
	}
	if err := s.bind(ctx, &inv); err != nil { // before it can claim
		return Named{}, err
	}
	named, err := run(ctx, s, t)
	if err == nil {
		s.bindAgain(ctx, &inv)
	}
	return named, err
}

// Report replaces the host's inventory.
func (s *Scheduler) Report(ctx context.Context, host string, epoch uint64, inv Inventory) error {
	inv.Host = host
	t := transition[struct{}]{name: "report", patient: true, query: store.Query{Keys: []string{keyAgent(host), keyBeat(host)}}}
	t.decide = func(f *facts) (p plan[struct{}], err error) {
		if err := p.guardAgent(f, host, epoch); err != nil {
			return p, err
		}
		if err := wasForgotten(f, host); err != nil {
			return p, err
		}
		p.putInventory(inv, f)
		return p, nil
	}
	news := s.bound.news(host, inv.Devices)
	if news {
		if err := s.bind(ctx, &inv); err != nil {
			return err
		}
	}
	_, err := run(ctx, s, t)
	if err == nil && news {
		s.bindAgain(ctx, &inv)
	}
	return err
}

// putInventory lists the host, too: it would be seen by nobody if the store lost that.
func (d *draft) putInventory(inv Inventory, f *facts) {
	inv.Reported = f.Now
	d.effect(store.Put(keyInventory(inv.Host), encode(inv)), store.Index(keyHosts, []byte(inv.Host)))
	if hasReal(inv.Devices) {
		d.effect(store.Index(keyReal, []byte(inv.Host)))
	} else {
		d.effect(store.Unindex(keyReal, []byte(inv.Host)))
	}
}

// reconcile takes over one lease, ends it, or leaves it to expire.
func (s *Scheduler) reconcile(ctx context.Context, r TakeOver, id JobID) (*Job, error) {
	q := endQuery(id)
	q.Keys = append(q.Keys, keyAgent(r.Host))
	t := transition[*Job]{name: "reconcile", freeing: true, patient: true, query: q}
	t.decide = func(f *facts) (plan[*Job], error) { return decideReconcile(f, r, id) }
	return run(ctx, s, t)
}

func decideReconcile(f *facts, r TakeOver, id JobID) (p plan[*Job], err error) {
	job, err := f.job(id)
	if err != nil || !job.State.Active() || job.Attempt().Host != r.Host {
		return p, ignoreMissing(err)
	}
	if err := p.guardAgent(f, r.Host, r.Epoch); err != nil {
		return p, err
	}
	a := job.Attempt()
	switch {
	case slices.Contains(r.Running, LeaseRef{job.ID, a.Fence}):
		after := job.next()
		after.Attempt().Epoch = r.Epoch
		p.value = &after
		if a.Epoch != r.Epoch {
			p.change(&job, &after)
		}
	case a.Epoch != r.Epoch && r.certainlyOver(a):
		p.lose(&job, "its agent was restarted and does not run it", f)
	}
	return p, nil
}

// certainlyOver reports whether nothing of the attempt can be alive.
func (r TakeOver) certainlyOver(a *Attempt) bool {
	if r.Rebooted {
		return true
	}
	return r.Locked != nil && !slices.ContainsFunc(a.Devices, func(uuid string) bool { return !r.Locked(uuid) })
}

// activeOn lists the active jobs of a host.
func (s *Scheduler) activeOn(ctx context.Context, host string) ([]JobID, error) {
	a, err := s.store.Read(ctx, store.Query{Ranges: []store.Range{{Index: keyActive(host), Limit: maxActive}}})
	if err != nil {
		return nil, err
	}
	ids := make([]JobID, len(a.Ranges[0]))
	for i, m := range a.Ranges[0] {
		ids[i] = memberID(m)
	}
	return ids, nil
}

// ignoreMissing: a job that was purged meanwhile needs nothing more.
func ignoreMissing(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
