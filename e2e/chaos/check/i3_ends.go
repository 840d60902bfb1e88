package check

import "github.com/mlq-dev/mlq/e2e/chaos/record"

// oneEnd is I3: each acknowledged submit ends in exactly one final state, and
// the first that is committed stays. The store may have lost a job, or an end,
// that it acknowledged while it was losing writes.
func oneEnd(h *history) (out []Violation) {
	for _, op := range h.Ops {
		id := h.makes(op)
		if id == 0 {
			continue
		}
		if j := h.jobs[id]; j == nil && acknowledged(op) && !h.inLoss(op) {
			out = append(out, violation("I3", id, "its %s was acknowledged to %s at %d, and it is gone", op.Op, op.Client, op.ReturnNS))
		}
	}
	for _, id := range sorted(h.jobs) {
		if state := h.jobs[id].State; !final(state) {
			out = append(out, violation("I3", id, "it is still %s", state))
			continue
		}
		if h.jobs[id].Reason == "expired" {
			out = append(out, violation("I3", id, "it expired, and nobody gave it a time until which it may wait"))
		}
		out = append(out, h.endStays(h.jobs[id])...)
	}
	return out
}

// endStays: what a client saw as final stays so, and is not run again.
func (h *history) endStays(j *record.Job) (out []Violation) {
	for _, op := range h.ops[j.ID] {
		if op.Op != record.Get || !acknowledged(op) || !final(op.State) || h.inLoss(op) {
			continue
		}
		if op.State != j.State {
			return append(out, violation("I3", j.ID, "%s saw it %s at %d, and it is %s", op.Client, op.State, op.ReturnNS, j.State))
		}
		for _, l := range h.lives[j.ID] {
			if l.from > op.ReturnNS && op.State != "cancelled" && !h.wokeUp(l) { // what was cancelled is I8's
				return append(out, violation("I3", j.ID, "%s saw it %s at %d; then began %s", op.Client, op.State, op.ReturnNS, l))
			}
		}
	}
	return out
}
