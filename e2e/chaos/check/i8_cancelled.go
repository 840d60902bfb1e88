package check

import (
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// clockSlack is by how much the store's clock and this machine's may have
// drifted from each other in a run: they are one clock, that is slewed.
const clockSlack = int64(5 * time.Millisecond)

// noStartAfterCancel is I8: what was not running when its cancel was
// acknowledged never starts. What was running then may have been on the way to
// its first line, one attempt of it and not a second.
func noStartAfterCancel(h *history) (out []Violation) {
	for _, id := range sorted(h.ops) {
		for _, op := range h.ops[id] {
			if op.Op != record.Cancel || !acknowledged(op) || h.inLoss(op) {
				continue
			}
			if l := h.startedAfter(op); l != nil {
				out = append(out, violation("I8", id, "cancelled (%s) at %d; then began %s", op.State, op.ReturnNS, l))
				break
			}
			if a := h.startNoted(op); a != nil {
				out = append(out, violation("I8", id, "cancelled (%s) at %d; then attempt %d was started, as the store has it", op.State, op.ReturnNS, a.N))
				break
			}
		}
	}
	return out
}

// startedAfter gives an attempt that should not have started.
func (h *history) startedAfter(cancel record.Op) *life {
	onTheWay := cancel.State == "running"
	for _, l := range h.lives[cancel.Job] {
		switch {
		case l.from <= cancel.ReturnNS:
			onTheWay = onTheWay && l.to < cancel.CallNS // else it was this one that ran
		case h.wokeUp(l):
		case onTheWay:
			onTheWay = false
		default:
			return l
		}
	}
	return nil
}

// startNoted gives an attempt that the store says was started after the cancel:
// its process may have been stopped before its first line.
func (h *history) startNoted(cancel record.Op) *record.Attempt {
	j := h.jobs[cancel.Job]
	if j == nil || cancel.State == "running" {
		return nil
	}
	for i := range j.Attempts {
		a := &j.Attempts[i]
		before := func(r reading) bool { return r.started == 0 || r.started <= cancel.ReturnNS+clockSlack }
		if !h.mayHave(a, before) {
			return a
		}
	}
	return nil
}
