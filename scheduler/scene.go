package scheduler

import (
	"context"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// scene is what a waiting job's reasons are taken from.
type scene struct {
	now       time.Time
	timing    Timing
	unadopted bool
	epoch     epochRecord
	ahead     int64
	queued    int64 // of its kind, with this one, counted to maxPlace
	held      int64
	limits    Limits // of the user
	need      Need
	all       []Host
	real      bool // some host has the GPUs for it, so that no CPU slot stands in
	leases    []Lease
	leaseOn   map[string]*Lease // by UUID
}

func (s *Scheduler) scene(ctx context.Context, job *Job) (scene, error) {
	q := store.Query{
		Keys:     []string{keyEpoch, keyLimits(job.User)},
		Counters: []string{keyHeld(job.User)},
		Counts:   []store.Count{{Index: queueOf(job), To: entryMember(job), Cap: maxPlace}, {Index: queueOf(job), Cap: maxPlace}},
	}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return scene{}, err
	}
	sc := scene{now: a.Now, timing: s.opts.Timing, ahead: a.Counts[0], queued: a.Counts[1], held: a.Counters[0]}
	f := newFacts(q, a)
	if _, err := f.load(keyEpoch, &sc.epoch); err != nil {
		return sc, err
	}
	sc.limits, _ = orEmpty[Limits](f, keyLimits(job.User))
	sc.unadopted = sc.epoch.Identity != a.Identity
	if sc.need, err = ParseNeed(job.Class); err != nil {
		return sc, err
	}
	if sc.all, err = s.Hosts(ctx); err != nil {
		return sc, err
	}
	sc.real = metByGPUs(sc.need, job.Unix, sc.all, sc.now)
	if sc.leases, err = s.Leases(ctx); err != nil {
		return sc, err
	}
	sc.leaseOn = leasesByDevice(sc.leases)
	return sc, nil
}

// userLimit adds that the user holds enough, or that the job alone is too much.
func (sc *scene) userLimit(w *Why, job *Job) {
	most := int64(sc.limits.MaxDevices)
	switch {
	case !sc.limited(job):
	case int64(job.Devices) > most:
		w.add("user-limit", fmt.Sprintf("it needs %d devices, and %s may hold at most %d since it was submitted", job.Devices, job.User, most))
	default:
		w.add("user-limit", fmt.Sprintf("%s holds %s of at most %d, and this needs %d", job.User, devicesInWords(sc.held), most, job.Devices))
	}
}

func devicesInWords(n int64) string {
	if n == 1 {
		return "1 device"
	}
	return fmt.Sprintf("%d devices", n)
}

// limited reports whether the job's user holds too much for it.
func (sc *scene) limited(job *Job) bool {
	return sc.limits.MaxDevices > 0 && sc.held+int64(job.Devices) > int64(sc.limits.MaxDevices)
}
