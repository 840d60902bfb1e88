package check

import (
	"slices"
	"time"

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

// grow compares each with all before it, so that one which is excused hides no other, and
// names the last of those that it is not above.
func (h *history) grow(job int64, of string, lives []*life) (out []Violation) {
	for i, b := range lives {
		for _, a := range slices.Backward(lives[:i]) {
			if a.fence >= b.fence && !h.wokeUp(b) && !h.overtaken(a, b) && !h.forgot(a, b) {
				out = append(out, violation("I5", job, "%s had job %d, %s, and then job %d, %s", of, a.job, a, b.job, b))
				break
			}
		}
	}
	return out
}

// overtaken: the later began after the other, but was granted before it. Of two masters the one that
// was lost had ended its lease, and granted the other; by the one that stayed it had its lease all the
// while, as where its host stood still between its claim and its start.
func (h *history) overtaken(a, b *life) bool {
	claim := h.attemptOf(b)
	if claim == nil || h.attemptOf(a) != nil || h.lostUntil(a) == 0 {
		return false
	}
	claimed := h.boot(claim.ClaimedNS)
	return h.World.BootNS < claimed && claimed < a.from && claim.ClaimedNS < int64(a.fence)*int64(time.Microsecond)
}

// forgot: the store that granted the later had lost the earlier's claim, and with it its fence,
// and its time, which alone could have put the next one above, was not above it. So it is where
// its clock is behind, was ahead at the earlier claim, or was ahead long before either and
// fences have gone on from there: what counts is not when a clock was set, but whether one of
// the store's said no more than the fence between the two. The earlier was granted before it
// began: from there on a clock that is right is above a fence of the right time. A claim on
// record has the time that its server had; for one without, any server's will do.
// Of two masters either may be the one that stays, so that the earlier may be on record where
// the later is not. What has both on record has granted them one after the other.
func (h *history) forgot(a, b *life) bool {
	claim := h.attemptOf(b)
	if h.lostUntil(a) == 0 || claim != nil && h.attemptOf(a) != nil {
		return false
	}
	fence := int64(a.fence) * int64(time.Microsecond)
	if claim != nil && claim.ClaimedNS > fence {
		return false
	}
	return slices.ContainsFunc(h.Intervals, func(i record.Interval) bool {
		from := max(i.FromNS, a.from)
		return i.Kind == record.Clock && from <= min(i.ToNS, b.from) && from+i.OffsetNS <= h.boot(fence)
	})
}
