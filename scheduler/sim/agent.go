package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// anchored gives when the slots of this agent give up: the belief counted from
// before the renewal was sent.
func (w *World) anchored() time.Duration { return w.elapsed + w.Timing.Believe }

// join starts the agent process: what its slots run is what it finds.
func (w *World) join(i int) {
	a := &w.agents[i]
	var running []scheduler.LeaseRef
	a.leases = map[scheduler.JobID]lease{}
	for dev, p := range a.procs {
		running = append(running, scheduler.LeaseRef{Job: p.job, Fence: p.fence})
		st := runs
		if p.over {
			st = ended
		}
		a.leases[p.job] = lease{fence: p.fence, device: dev, stage: st}
	}
	locked := func(uuid string) bool { p, busy := a.procs[uuid]; return !busy || p.over }
	j, err := w.scheduler("join", heard).Join(ctx, w.inventory(a), running, locked)
	if err != nil {
		return // it tries again
	}
	a.joined, a.epoch = true, j.Epoch
	until := w.anchored()
	a.belief = until
	for _, ref := range j.Kill {
		w.kill(a, ref)
	}
	for _, l := range a.leases {
		w.extend(a, l, until)
	}
}

// kill ends what runs for a lease, at once.
func (w *World) kill(a *agent, ref scheduler.LeaseRef) {
	if l, ok := a.leases[ref.Job]; ok && l.fence == ref.Fence {
		delete(a.leases, ref.Job)
		if p, ok := a.procs[l.device]; ok && p.job == ref.Job && p.fence == ref.Fence {
			delete(a.procs, l.device)
		}
	}
}

func (w *World) extend(a *agent, l lease, until time.Duration) {
	if p, ok := a.procs[l.device]; ok && p.fence == l.fence {
		p.until = until
		a.procs[l.device] = p
	}
}

// claim asks for a job on a device of this host that is free to its eyes.
func (w *World) claim(i int, job scheduler.JobID, how fate) {
	a := &w.agents[i]
	dev, ok := w.freeDevice(a)
	if !ok {
		return
	}
	a.claims++
	got, err := w.scheduler("claim", how).Claim(ctx, scheduler.ClaimRequest{
		Host: a.name, Epoch: a.epoch, Job: job, User: user, Devices: []string{dev}, ClaimID: fmt.Sprintf("%s-%d", a.name, a.claims),
	})
	if how == delayed {
		return // its answer is lost; the agent asks again as a new claim or never
	}
	if w.refused(a, err) {
		return
	}
	a.leases[job] = lease{fence: w.fenceOf(got, job), device: dev, stage: won}
}

// fenceOf is the claim's fence, as the store has it: a mutant may have changed it on the way.
func (w *World) fenceOf(got scheduler.Claimed, job scheduler.JobID) uint64 {
	j, err := w.scheduler("look", heard).Job(ctx, job)
	if err != nil || j.Attempt() == nil {
		return got.Fence
	}
	return j.Attempt().Fence
}

// refused reports whether the operation failed; an agent that was replaced or
// forgotten starts over.
func (w *World) refused(a *agent, err error) bool {
	if errors.Is(err, scheduler.ErrStaleAgent) || errors.Is(err, scheduler.ErrRejoin) {
		a.joined = false
	}
	return err != nil
}

// freeDevice finds a device without a process and without a lease of ours.
func (w *World) freeDevice(a *agent) (string, bool) {
	for i := range w.Devices {
		uuid := device(a.name, i).UUID
		if _, busy := a.procs[uuid]; busy {
			continue
		}
		used := false
		for _, l := range a.leases {
			used = used || l.device == uuid
		}
		if !used {
			return uuid, true
		}
	}
	return "", false
}

// start commits the start and hands the call to the slot.
func (w *World) start(i int, job scheduler.JobID, how fate) {
	a := &w.agents[i]
	l := a.leases[job]
	err := w.scheduler("start", how).Start(ctx, scheduler.LeaseRef{Job: job, Fence: l.fence})
	switch {
	case how == delayed:
		return
	case errors.Is(err, scheduler.ErrCancelled):
		w.release(i, job, heard)
		return
	case err != nil:
		w.drop(a, job)
		return
	}
	if a.belief <= w.elapsed && !w.NoSelfFence {
		w.drop(a, job) // too late to hand it over
		return
	}
	if w.cancelled[job] {
		w.fall("promise 4: job %d started after its cancel was acknowledged", job)
	}
	l.stage = runs
	a.leases[job] = l
	a.procs[l.device] = process{job: job, fence: l.fence, until: a.belief}
}

// drop forgets a lease; the store ends it once it is not named any more.
func (w *World) drop(a *agent, job scheduler.JobID) {
	delete(a.leases, job)
	delete(w.promised, job)
}

// exit lets a process end by itself: its result is on the host's disk.
func (w *World) exit(i int, dev string) {
	a := &w.agents[i]
	p := a.procs[dev]
	p.over = true
	a.procs[dev] = p
	if l, ok := a.leases[p.job]; ok && l.fence == p.fence {
		l.stage = ended
		a.leases[p.job] = l
	}
}

// finish reports the result.
func (w *World) finish(i int, job scheduler.JobID, how fate) {
	a := &w.agents[i]
	l := a.leases[job]
	ref := scheduler.LeaseRef{Job: job, Fence: l.fence}
	if w.NoFence {
		ref.Fence = w.fenceOf(scheduler.Claimed{Fence: l.fence}, job)
	}
	outcome := scheduler.OutcomeSucceeded
	if l.stage == stops {
		outcome = scheduler.OutcomeCancelled
	}
	before, lookErr := w.scheduler("look", heard).Job(ctx, job)
	delete(w.promised, job)
	j, err := w.scheduler("finish", how).Finish(ctx, ref, scheduler.Finish{
		Outcome: outcome, Result: scheduler.Result{Short: fmt.Sprintf("%s %d", a.name, a.claims)},
	})
	if how == delayed {
		w.sent(a, job)
		return
	}
	if err == nil && lookErr == nil && j.State == scheduler.Succeeded && !before.State.Final() {
		w.checkAccepted(a, before, l)
	}
	if err == nil || errors.Is(err, scheduler.ErrStale) || errors.Is(err, scheduler.ErrNotFound) {
		delete(a.leases, job)
		delete(a.procs, l.device)
	}
}

// checkAccepted: a result that was just accepted is the current attempt's own.
func (w *World) checkAccepted(a *agent, before scheduler.Job, l lease) {
	cur := before.Attempt()
	if cur == nil || cur.Host != a.name || cur.Fence != l.fence || cur.Devices[0] != l.device {
		w.fall("promise 2: job %d took the result of an attempt on %s that is not the current one", before.ID, a.name)
	}
}

// sent notes that the end of a lease is on its way.
func (w *World) sent(a *agent, job scheduler.JobID) {
	l := a.leases[job]
	l.sent = true
	a.leases[job] = l
}

// release gives a lease back unrun.
func (w *World) release(i int, job scheduler.JobID, how fate) {
	a := &w.agents[i]
	l := a.leases[job]
	delete(w.promised, job)
	err := w.scheduler("release", how).Release(ctx, scheduler.LeaseRef{Job: job, Fence: l.fence}, "simulated")
	if how == delayed {
		w.sent(a, job)
		return
	}
	if err == nil || errors.Is(err, scheduler.ErrStale) || errors.Is(err, scheduler.ErrNotFound) {
		delete(a.leases, job)
	}
}

// renew is the heartbeat.
func (w *World) renew(i int, how fate) {
	a := &w.agents[i]
	var refs []scheduler.LeaseRef
	for _, id := range w.live {
		if l, ok := a.leases[id]; ok {
			refs = append(refs, scheduler.LeaseRef{Job: id, Fence: l.fence})
		}
	}
	until := w.anchored()
	r, err := w.scheduler("renew", how).Renew(ctx, a.name, a.epoch, refs)
	if how == delayed || w.refused(a, err) {
		return
	}
	a.belief = until
	for _, answer := range r.Answers {
		l := a.leases[answer.Ref.Job]
		switch {
		case answer.Gone:
			w.kill(a, answer.Ref)
			continue
		case answer.Cancel && l.stage == runs:
			delete(a.procs, l.device)
			l.stage = stops
			a.leases[answer.Ref.Job] = l
		default:
			w.extend(a, l, until)
		}
		if a.leases[answer.Ref.Job].sent {
			continue
		}
		w.promised[answer.Ref.Job] = promise{l.fence, w.elapsed + w.Timing.Expire}
	}
}

// crash ends the agent process; its slots go on.
func (w *World) crash(i int) {
	w.agents[i].joined = false
	for id := range w.agents[i].leases {
		delete(w.promised, id)
	}
	w.agents[i].leases = map[scheduler.JobID]lease{}
}
