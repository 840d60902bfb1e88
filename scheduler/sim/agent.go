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

// join starts the agent process: what its slots run is what it finds, unless they
// do not answer it (deaf). Their locks it finds all the same.
func (w *World) join(i int, deaf bool) {
	a := &w.agents[i]
	var running []scheduler.LeaseRef
	for id, l := range a.leases { // it was told to join anew: what is not handed over yet it gives up
		if p, ok := a.procs[l.device]; !ok || p.job != id {
			w.promised = without(w.promised, id)
		}
	}
	a.leases = map[scheduler.JobID]lease{}
	for dev, p := range a.procs {
		if deaf {
			break
		}
		running = append(running, scheduler.LeaseRef{Job: p.job, Fence: p.fence})
		st := runs
		if p.over {
			st = ended
		}
		a.leases = with(a.leases, p.job, lease{fence: p.fence, device: dev, stage: st})
	}
	locked := func(uuid string) bool { p, busy := a.procs[uuid]; return !busy || p.over || w.NoLock }
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
		a.leases = without(a.leases, ref.Job)
		if p, ok := a.procs[l.device]; ok && p.job == ref.Job && p.fence == ref.Fence {
			a.procs = without(a.procs, l.device)
		}
	}
}

func (w *World) extend(a *agent, l lease, until time.Duration) {
	if p, ok := a.procs[l.device]; ok && p.fence == l.fence {
		p.until = until
		a.procs = with(a.procs, l.device, p)
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
	switch {
	case errors.Is(err, errDelayed):
		return // its answer is lost; the agent asks again as a new claim or never
	case w.refused(a, err):
		a.claims-- // nothing in the store has its number: the next may have it
		return
	}
	a.leases = with(a.leases, job, lease{fence: w.fenceOf(got, job), device: dev, stage: won})
}

// fenceOf is the claim's fence, as the store has it: a mutant may have changed it on the way.
func (w *World) fenceOf(got scheduler.Claimed, job scheduler.JobID) uint64 {
	j, err := w.job(job)
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
	if w.refused(a, err) {
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
			a.procs = without(a.procs, l.device)
			l.stage = stops
			a.leases = with(a.leases, answer.Ref.Job, l)
		default:
			w.extend(a, l, until)
		}
		if a.leases[answer.Ref.Job].sent {
			continue
		}
		w.promised = with(w.promised, answer.Ref.Job, promise{l.fence, w.elapsed + w.Timing.Expire})
	}
}

// crash ends the agent process; its slots go on.
func (w *World) crash(i int) {
	w.agents[i].joined = false
	for id := range w.agents[i].leases {
		w.promised = without(w.promised, id)
	}
	w.agents[i].leases = map[scheduler.JobID]lease{}
}
