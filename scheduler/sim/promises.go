package sim

import (
	"github.com/mlq-dev/mlq/scheduler"
)

// check looks for a promise that does not hold now.
func (w *World) check() error {
	if w.broken != nil {
		return w.broken
	}
	w.oneLiveProcess()
	w.oneJobPerDevice()
	w.cancelledStays()
	w.renewedStays()
	return w.broken
}

// oneLiveProcess: a job runs in one place at most.
func (w *World) oneLiveProcess() {
	where := map[scheduler.JobID]string{}
	for i := range w.agents {
		for dev, p := range w.agents[i].procs {
			if p.over {
				continue
			}
			if other, twice := where[p.job]; twice {
				w.fall("promises 2, 5: job %d runs on %s and on %s", p.job, other, dev)
			}
			where[p.job] = dev
		}
	}
}

// oneJobPerDevice: no two active jobs hold the same device, and final states
// have exactly what they should.
func (w *World) oneJobPerDevice() {
	holder := map[string]scheduler.JobID{}
	for _, id := range w.live {
		j, err := w.scheduler("look", false).Job(ctx, id)
		if err != nil {
			w.fall("promise 1: job %d: %w", id, err)
			return
		}
		if j.State.Active() {
			for _, dev := range j.Attempt().Devices {
				if other := holder[dev]; other != 0 {
					w.fall("promise 3: device %s is leased to jobs %d and %d", dev, other, id)
				}
				holder[dev] = id
			}
		}
		w.finalStays(&j)
	}
}

// finalStays: the first accepted result stays.
func (w *World) finalStays(j *scheduler.Job) {
	before, was := w.accepted[j.ID]
	switch {
	case was && w.losses == 0 && (j.State != scheduler.Succeeded || j.Attempt().Fence != before):
		w.fall("promise 2: job %d had succeeded and is %s now", j.ID, j.State)
	case j.State == scheduler.Succeeded:
		w.accepted[j.ID] = j.Attempt().Fence
	}
}

// renewedStays: a lease whose renewal was acknowledged is not ended by others
// before it can have expired.
func (w *World) renewedStays() {
	for id, p := range w.promised {
		if w.elapsed >= p.until {
			continue
		}
		j, err := w.scheduler("look", false).Job(ctx, id)
		if err == nil && (!j.State.Active() || j.Attempt().Fence != p.fence) {
			w.fall("promise 5: the lease of job %d was ended %s before it can have expired", id, p.until-w.elapsed)
		}
	}
}

// cancelledStays: a job whose cancel was acknowledged before it ran is not
// waiting, and does not run.
func (w *World) cancelledStays() {
	for id := range w.cancelled {
		j, err := w.scheduler("look", false).Job(ctx, id)
		if err == nil && (j.State == scheduler.Queued || j.State == scheduler.Scheduled || j.State == scheduler.Running) {
			w.fall("promise 4: job %d is %s after its cancel was acknowledged", id, j.State)
		}
	}
}

// consistent asserts that the store's indexes, counters and devices say what
// the jobs say.
func (w *World) consistent() error {
	c := w.Clone()
	r, err := c.scheduler("check", false).Check(ctx)
	if err != nil {
		c.fall("check: %w", err)
	}
	for _, repair := range r.Repairs {
		c.fall("promise 1: %s", repair)
	}
	return c.broken
}
