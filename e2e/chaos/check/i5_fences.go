package check

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
		if a, b := lives[i-1], lives[i]; a.fence >= b.fence && !h.wokeUp(b) {
			out = append(out, violation("I5", job, "%s had job %d, %s, and then job %d, %s", of, a.job, a, b.job, b))
		}
	}
	return out
}
