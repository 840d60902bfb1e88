package scheduler

import (
	"fmt"
	"slices"
	"time"
)

// held is a job that needs several devices, and for which a host keeps its
// free ones, so that small jobs do not starve it.
type held struct {
	*candidate
	offer *Offer
	until time.Time // when enough are expected to be free; zero: unknown
}

// gangWait is how long a job for several devices waits before it is held for.
// Agents and servers use one value, Timing.GangWait, carried by the view.
func (v *View) gangWait() time.Duration {
	if v.GangWait > 0 {
		return v.GangWait
	}
	return DefaultTiming().GangWait
}

// gang finds the job to hold for: of those that need more devices than are
// free and have waited long enough, the one of highest priority that waits
// longest. One that can run now needs no hold, but goes first (order).
func (p *picker) gang() *held {
	var best *candidate
	for i := range p.cands {
		c := &p.cands[i]
		if c.Devices < 2 || c.devices != nil || p.now.Sub(c.Since) < p.view.gangWait() {
			continue
		}
		if best == nil || c.Priority > best.Priority || c.Priority == best.Priority && c.Since.Before(best.Since) {
			best = c
		}
	}
	if best == nil || p.urgentBefore(best) {
		return nil
	}
	return &held{candidate: best, offer: &p.offer, until: freeBy(best.need, &p.offer)}
}

// overdue finds the job for several devices that was held for and can run
// now: it goes before everything of its own or lower priority. -1: there is none.
func (p *picker) overdue(runs []Choice) int {
	var best *candidate
	for i := range p.cands {
		c := &p.cands[i]
		if c.Devices < 2 || c.devices == nil || p.now.Sub(c.Since) < p.view.gangWait() {
			continue
		}
		if best == nil || c.Priority > best.Priority || c.Priority == best.Priority && c.Since.Before(best.Since) {
			best = c
		}
	}
	if best == nil || p.urgentBefore(best) {
		return -1
	}
	return slices.IndexFunc(runs, func(r Choice) bool { return r.Job == best.Job })
}

// urgentBefore reports whether a job of higher priority can run now: it does
// not have to stand back.
func (p *picker) urgentBefore(gang *candidate) bool {
	for i := range p.cands {
		if c := &p.cands[i]; c.devices != nil && c.Priority > gang.Priority {
			return true
		}
	}
	return false
}

// mayPass: jobs pass a held one if they take none of the devices that it
// could use, or if their time limit ends before those are expected to be free.
func (h *held) mayPass(c *candidate, now time.Time) bool {
	if h == nil || h.spares(c) {
		return true
	}
	end := c.expectedEnd(now)
	return !end.IsZero() && !h.until.IsZero() && !end.After(h.until)
}

func (h *held) spares(c *candidate) bool {
	for i := range h.offer.Devices {
		d := &h.offer.Devices[i]
		for _, uuid := range c.devices {
			if d.UUID == uuid && fits(h.need, &d.Device, h.offer.RealElsewhere) {
				return false
			}
		}
	}
	return true
}

// choice is what the agent is told: keep these, look again then.
func (h *held) choice() Choice {
	free, _ := countFitting(h.need, h.offer)
	uuids := make([]string, len(free))
	for i, d := range free {
		uuids[i] = d.UUID
	}
	return Choice{
		Kind: ChoiceHold, Job: h.Job, User: h.User, Devices: uuids, Until: h.until,
		Reason: fmt.Sprintf("kept for job %d, which needs %d devices and has waited since %s", h.Job, h.Devices, h.Since.Format(time.TimeOnly)),
	}
}
