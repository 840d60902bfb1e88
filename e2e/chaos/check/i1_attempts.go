package check

// oneAttempt is I1: no two attempts of a job live at once.
func oneAttempt(h *history) (out []Violation) {
	for _, job := range sorted(h.lives) {
		lives := h.lives[job]
		for i, a := range lives {
			for _, b := range lives[i+1:] {
				if h.meet(a, b) {
					out = append(out, violation("I1", job, "%s, and %s", a, b))
				}
			}
		}
	}
	return out
}
