package check

import (
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// inTurn: a job that follows others starts when they have succeeded, and fails for it only
// where one of them has not, or is gone.
func inTurn(h *history) (out []Violation) {
	for _, id := range sorted(h.jobs) {
		if text := h.outOfTurn(h.jobs[id]); text != "" {
			out = append(out, violation("after", id, "%s", text))
		}
	}
	return out
}

func (h *history) outOfTurn(j *record.Job) string {
	parents, hopeless := h.parents(j), false
	for _, id := range parents {
		parent := h.jobs[id]
		if parent == nil || parent.State != "succeeded" {
			hopeless = true
		}
		if l := h.tooSoon(j, id); l != nil {
			return fmt.Sprintf("it follows job %d, which is %s: %s", id, stateOf(parent), l)
		}
	}
	if j.Reason == "dependency" && !hopeless {
		return fmt.Sprintf("it failed for those that it follows, %v, and these have succeeded", parents)
	}
	return ""
}

// parents are the jobs that a job follows, by the submits that it may be of. One that was
// made by a requeue follows none.
func (h *history) parents(j *record.Job) (ids []int64) {
	for _, op := range h.ops[j.ID] {
		if op.Op == record.Submit && op.Refused == "" && j.RequeueOf == 0 {
			ids = append(ids, op.After...)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// tooSoon is an attempt of a job that began before another had succeeded. What no record
// has was lost by the store, and the end before it may be lost with it (withinLease): that the
// other had come to its end by then its own process tells, which no store can lose.
func (h *history) tooSoon(j *record.Job, id int64) *life {
	parent := h.jobs[id]
	for _, l := range h.lives[j.ID] {
		if h.attemptOf(l) == nil {
			if !h.cameToEnd(id, l.from) {
				return l
			}
			continue
		}
		if parent == nil || parent.State != "succeeded" || len(parent.Attempts) == 0 {
			return l
		}
		ended := func(r reading) bool { return l.from >= r.ended-clockSlack }
		if !h.mayHave(&parent.Attempts[len(parent.Attempts)-1], ended) {
			return l
		}
	}
	return nil
}

// cameToEnd: an attempt of a job had come to its end by then, as its own process tells.
func (h *history) cameToEnd(id, by int64) bool {
	return slices.ContainsFunc(h.lives[id], func(l *life) bool { return l.ended && l.to <= by })
}

// stateOf is the state of a job that may be gone.
func stateOf(j *record.Job) string {
	if j == nil {
		return "gone"
	}
	return j.State
}
