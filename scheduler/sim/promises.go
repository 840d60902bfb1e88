package sim

import (
	"strconv"

	"github.com/mlq-dev/mlq/scheduler"
)

// check looks for a promise that does not hold now.
func (w *World) check() error {
	if w.broken != nil {
		return w.broken
	}
	w.oneLiveProcess()
	jobs := make(map[scheduler.JobID]*scheduler.Job, len(w.live))
	for _, id := range w.live {
		j, err := w.job(id)
		if err != nil {
			w.fall("promise 1: job %d: %w", id, err)
			return w.broken
		}
		jobs[id] = j
		w.finalStays(j)
	}
	w.oneJobPerDevice(jobs)
	w.cancelledStays(jobs)
	w.renewedStays(jobs)
	w.sparedStays(jobs)
	w.callbacksStay(jobs)
	w.functionsFound()
	return w.broken
}

// job reads a job, and decodes each record once in all worlds.
func (w *World) job(id scheduler.JobID) (*scheduler.Job, error) {
	record := w.store.records["live:job:"+strconv.FormatInt(int64(id), 10)].value
	if j, known := w.decoded[id][string(record)]; known {
		return j, nil
	}
	j, err := w.scheduler("look", heard).Job(ctx, id)
	if err != nil {
		return nil, err
	}
	if w.decoded[id] == nil {
		w.decoded[id] = map[string]*scheduler.Job{}
	}
	w.decoded[id][string(record)] = &j
	return &j, nil
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

// oneJobPerDevice: no two active jobs hold the same device.
func (w *World) oneJobPerDevice(jobs map[scheduler.JobID]*scheduler.Job) {
	holder := map[string]scheduler.JobID{}
	for _, id := range w.live {
		if !jobs[id].State.Active() {
			continue
		}
		for _, dev := range jobs[id].Attempt().Devices {
			if other := holder[dev]; other != 0 {
				w.fall("promise 3: device %s is leased to jobs %d and %d", dev, other, id)
			}
			holder[dev] = id
		}
	}
}

// finalStays: the first accepted result stays.
func (w *World) finalStays(j *scheduler.Job) {
	before, was := w.accepted[j.ID]
	switch {
	case was && w.losses == 0 && (j.State != scheduler.Succeeded || j.Attempt().Fence != before):
		w.fall("promise 2: job %d had succeeded and is %s now", j.ID, j.State)
	case j.State == scheduler.Succeeded && !was:
		w.accepted = with(w.accepted, j.ID, j.Attempt().Fence)
	}
}

// renewedStays: a lease whose renewal was acknowledged is not ended by others
// before it can have expired.
func (w *World) renewedStays(jobs map[scheduler.JobID]*scheduler.Job) {
	for id, p := range w.promised {
		j := jobs[id]
		if w.elapsed < p.until && j != nil && (!j.State.Active() || j.Attempt().Fence != p.fence) {
			w.fall("promise 5: the lease of job %d was ended %s before it can have expired", id, p.until-w.elapsed)
		}
	}
}

// cancelledStays: a job whose cancel was acknowledged before it ran is not
// waiting, and does not run.
func (w *World) cancelledStays(jobs map[scheduler.JobID]*scheduler.Job) {
	for id := range w.cancelled {
		j := jobs[id]
		if j != nil && (j.State == scheduler.Queued || j.State == scheduler.Scheduled || j.State == scheduler.Running ||
			j.State == scheduler.Leased && !j.CancelRequested) {
			w.fall("promise 4: job %d is %s after its cancel was acknowledged", id, j.State)
		}
	}
}

// consistent asserts that the store's indexes, counters and devices say what
// the jobs say.
func (w *World) consistent() error {
	c := w.Clone()
	r, err := c.scheduler("check", heard).Check(ctx)
	if err != nil {
		c.fall("check: %w", err)
	}
	for _, repair := range r.Repairs {
		c.fall("promise 1: %s", repair)
	}
	return c.broken
}
