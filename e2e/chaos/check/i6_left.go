package check

// nothingLeft is I6: scheduler.Check finds nothing to repair, and no process and
// no lock outlives its job.
func nothingLeft(h *history) (out []Violation) {
	for _, f := range h.Findings {
		out = append(out, violation("I6", 0, "to repair: %s", f.Text))
	}
	for _, o := range h.Orphans {
		out = append(out, violation("I6", 0, "left on %s: %s", o.Host, o.What))
	}
	return out
}
