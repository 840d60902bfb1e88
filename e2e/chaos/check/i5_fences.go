package check

import (
	"slices"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// growingFences is I5: the fences of a job grow from attempt to attempt, and
// those of a device from job to job, on record and as the processes had them.
func growingFences(h *history) (out []Violation) {
	for _, id := range sorted(h.jobs) {
		attempts := h.jobs[id].Attempts
		for i := 1; i < len(attempts); i++ {
			if a, b := attempts[i-1].Fence, attempts[i].Fence; a >= b {
				out = append(out, violation("I5", id, "after fence %d its record has %d", a, b))
			}
		}
	}
	for _, id := range sorted(h.lives) {
		out = append(out, h.grow(id, "the job", h.lives[id])...)
	}
	on := livesOn(h)
	for _, device := range sorted(on) {
		out = append(out, h.grow(0, "device "+device, on[device])...)
	}
	return out
}

func (h *history) grow(job int64, of string, lives []*life) (out []Violation) {
	for i := 1; i < len(lives); i++ {
		if a, b := lives[i-1], lives[i]; a.fence >= b.fence && !h.wokeUp(b) && !h.forgot(a, b) {
			out = append(out, violation("I5", job, "%s had job %d, %s, and then job %d, %s", of, a.job, a, b.job, b))
		}
	}
	return out
}

// forgot: the store that granted the one lost the claim of the other, and with it its fence,
// of which only the time can tell it; and a clock of the store had been set until then. What
// it has on record grows all the same.
func (h *history) forgot(a, b *life) bool {
	return h.attemptOf(a) == nil && h.unrecorded(a) == "" && slices.ContainsFunc(h.Intervals, func(i record.Interval) bool {
		return i.Kind == record.Clock && i.OffsetNS != 0 && i.FromNS <= b.from
	})
}
