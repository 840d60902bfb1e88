package scheduler

import (
	"fmt"
	"slices"
)

// waits is what is known where one job waits for another.
type waits struct {
	waiter, on *Job
	circle     bool       // what the job that is waited for waits for leads back to the waiter
	scene      *scene     // of the job that is waited for
	need       *Need      // that must find devices for it; nil: nothing need
	consumers  []Consumer // of all users
}

// deadlock is pure: why the wait would never end, "" where it may.
func (w waits) deadlock() string {
	switch {
	case w.circle:
		return fmt.Sprintf("job %d waits for job %d itself", w.on.ID, w.waiter.ID)
	case w.on.State.Active():
		return ""
	case w.on.Consumed() && w.takers() > 0:
		if w.freeTakers() > 0 {
			return ""
		}
		return fmt.Sprintf("job %d can be taken by nobody but those who wait for another job, as this one does", w.on.ID)
	}
	if w.need != nil && w.placed(*w.need, false) && !w.placed(*w.need, true) {
		return fmt.Sprintf("every device that job %d could get is held by jobs that wait for another one, this one among them", w.on.ID)
	}
	return ""
}

// takers counts the consumers that have what the job needs.
func (w waits) takers() int { return w.countTakers(func(*Lease) bool { return true }) }

func (w waits) freeTakers() int {
	return w.countTakers(func(l *Lease) bool { return l == nil || l.BlockedOn == 0 })
}

func (w waits) countTakers(want func(*Lease) bool) (n int) {
	for i := range w.consumers {
		c := &w.consumers[i]
		if c.User == w.scene.need.Consumer && c.Has(w.scene.need.Functions...) && want(leaseOnHost(w.scene.leases, c.Host())) {
			n++
		}
	}
	return n
}

// placed reports whether some host has the devices for the job, free or not; unblocked:
// without those whose jobs only wait.
func (w waits) placed(need Need, unblocked bool) bool {
	real := metByGPUs(need, w.on.Unix, w.scene.all, w.scene.now)
	for i := range w.scene.all {
		h := w.scene.all[i]
		if unblocked {
			h.Devices = slices.DeleteFunc(slices.Clone(h.Devices), func(d DeviceReport) bool {
				l := w.scene.leaseOn[d.UUID]
				return l != nil && w.stuck(l)
			})
		}
		if everFits(need, w.on.Unix, &h, real) == nil {
			return true
		}
	}
	return false
}

// stuck reports whether a job keeps its devices for as long as somebody waits: it
// itself, or the message that it, a process of consumers, works on.
func (w waits) stuck(l *Lease) bool {
	if l.BlockedOn != 0 {
		return true
	}
	return slices.ContainsFunc(w.consumers, func(c Consumer) bool {
		works := leaseOnHost(w.scene.leases, c.Host())
		return c.Job == l.Job && works != nil && works.BlockedOn != 0
	})
}
