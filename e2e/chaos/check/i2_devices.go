package check

import (
	"slices"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// oneJob is I2: no device has two jobs at once, by what the jobs wrote and by
// the leases. Two attempts of one job are I1's.
func oneJob(h *history) []Violation {
	return append(devicesLived(h), devicesLeased(h)...)
}

func devicesLived(h *history) (out []Violation) {
	on := livesOn(h)
	for _, device := range sorted(on) {
		lives := on[device]
		for i, a := range lives {
			for _, b := range lives[i+1:] {
				if a.job != b.job && h.meet(a, b) {
					out = append(out, violation("I2", a.job, "device %s: %s, and job %d: %s", device, a, b.job, b))
				}
			}
		}
	}
	return out
}

// livesOn gives each device the attempts that lived on it, by when they began.
func livesOn(h *history) map[string][]*life {
	on := map[string][]*life{}
	for _, job := range sorted(h.lives) {
		for _, l := range h.lives[job] {
			for _, d := range l.devices {
				on[d] = append(on[d], l)
			}
		}
	}
	for _, lives := range on {
		slices.SortFunc(lives, byStart)
	}
	return on
}

// leased is a lease, as the store has it.
type leased struct {
	job int64
	*record.Attempt
}

func devicesLeased(h *history) (out []Violation) {
	on := map[string][]leased{}
	for _, job := range sorted(h.jobs) {
		for i := range h.jobs[job].Attempts {
			a := &h.jobs[job].Attempts[i]
			for _, d := range a.Devices {
				on[d] = append(on[d], leased{job, a})
			}
		}
	}
	for _, device := range sorted(on) {
		leases := on[device]
		for i, a := range leases {
			for _, b := range leases[i+1:] {
				if a.job != b.job && h.together(a, b) {
					out = append(out, violation("I2", a.job, "device %s is leased with fence %d, and to job %d with fence %d", device, a.Fence, b.job, b.Fence))
				}
			}
		}
	}
	return out
}

// together: two leases were there at once, however their times are read.
func (h *history) together(a, b leased) bool {
	for _, r := range h.readings(a.Attempt) {
		for _, o := range h.readings(b.Attempt) {
			if !r.span().overlaps(o.span()) {
				return false
			}
		}
	}
	return true
}
