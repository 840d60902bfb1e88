package sim

import (
	"errors"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler"
)

// start commits the start and hands the call to the slot.
func (w *World) start(i int, job scheduler.JobID, how fate) {
	a := &w.agents[i]
	l := a.leases[job]
	err := w.scheduler("start", how).Start(ctx, scheduler.LeaseRef{Job: job, Fence: l.fence})
	switch {
	case errors.Is(err, errDelayed):
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
	a.leases = with(a.leases, job, l)
	a.procs = with(a.procs, l.device, process{job: job, fence: l.fence, until: a.belief})
}

// drop forgets a lease; the store ends it once it is not named any more.
func (w *World) drop(a *agent, job scheduler.JobID) {
	a.leases = without(a.leases, job)
	w.promised = without(w.promised, job)
}

// exit lets a process end by itself: its result is on the host's disk.
func (w *World) exit(i int, dev string) {
	a := &w.agents[i]
	p := a.procs[dev]
	p.over = true
	a.procs = with(a.procs, dev, p)
	if l, ok := a.leases[p.job]; ok && l.fence == p.fence {
		l.stage = ended
		a.leases = with(a.leases, p.job, l)
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
	before, lookErr := w.job(job)
	w.promised = without(w.promised, job)
	j, err := w.scheduler("finish", how).Finish(ctx, ref, scheduler.Finish{
		Outcome: outcome, Result: scheduler.Result{Short: fmt.Sprintf("%s %d", a.name, a.claims)},
	})
	if errors.Is(err, errDelayed) {
		w.sent(a, job)
		return
	}
	if err == nil && lookErr == nil && j.State == scheduler.Succeeded && !before.State.Final() {
		w.checkAccepted(a, before, l)
	}
	if err == nil || errors.Is(err, scheduler.ErrStale) || errors.Is(err, scheduler.ErrNotFound) {
		a.leases = without(a.leases, job)
		a.procs = without(a.procs, l.device)
	}
}

// checkAccepted: a result that was just accepted is the current attempt's own.
func (w *World) checkAccepted(a *agent, before *scheduler.Job, l lease) {
	cur := before.Attempt()
	if cur == nil || cur.Host != a.name || cur.Fence != l.fence || cur.Devices[0] != l.device {
		w.fall("promise 2: job %d took the result of an attempt on %s that is not the current one", before.ID, a.name)
	}
}

// sent notes that the end of a lease is on its way.
func (w *World) sent(a *agent, job scheduler.JobID) {
	l := a.leases[job]
	l.sent = true
	a.leases = with(a.leases, job, l)
}

// release gives a lease back unrun.
func (w *World) release(i int, job scheduler.JobID, how fate) {
	a := &w.agents[i]
	l := a.leases[job]
	w.promised = without(w.promised, job)
	err := w.scheduler("release", how).Release(ctx, scheduler.LeaseRef{Job: job, Fence: l.fence}, "simulated")
	if errors.Is(err, errDelayed) {
		w.sent(a, job)
		return
	}
	if err == nil || errors.Is(err, scheduler.ErrStale) || errors.Is(err, scheduler.ErrNotFound) {
		a.leases = without(a.leases, job)
	}
}
