package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// rightResult is I4: a job has one accepted attempt, its last, its result is
// what that one returned, and nobody ever saw another.
func rightResult(h *history) (out []Violation) {
	for _, id := range sorted(h.jobs) {
		j := h.jobs[id]
		if text := cmp.Or(h.wrongResult(j), h.wrongFailure(j)); text != "" {
			out = append(out, violation("I4", id, "%s", text))
			continue
		}
		for _, op := range h.ops[id] {
			if op.Op == record.Get && acknowledged(op) && op.State == "succeeded" && j.State == "succeeded" && op.Result != j.Result && !h.inLoss(op) {
				out = append(out, violation("I4", id, "%s was shown %q at %d, and it is %q", op.Client, op.Result, op.ReturnNS, j.Result))
				break
			}
		}
	}
	return out
}

// wrongResult says what is wrong with the result that a job has now, if anything.
func (h *history) wrongResult(j *record.Job) string {
	won := func(a record.Attempt) bool { return a.Outcome == "succeeded" }
	first := slices.IndexFunc(j.Attempts, won)
	switch {
	case j.State != "succeeded" && first >= 0:
		return "it is " + j.State + ", though an attempt was accepted"
	case j.State != "succeeded":
		return ""
	case first < 0:
		return "it has succeeded without an attempt"
	case first < len(j.Attempts)-1:
		return "an attempt was accepted, and there is another after it"
	}
	winner := j.Attempts[first]
	for _, l := range h.lives[j.ID] {
		if l.fence == winner.Fence && l.ended && l.value == j.Result {
			return ""
		}
	}
	for _, l := range h.lives[j.ID] {
		if l.ended && l.value == j.Result {
			return "its result is that of " + l.String()
		}
	}
	return "no attempt returned its result, " + j.Result
}

// planned is in the cause of each failure that a job of the workload means (job.py).
const planned = "this was planned"

// wrongFailure says which attempt is told to have failed and did not mean to, if any: it
// returned something, or failed for another cause. A host whose disk was full meanwhile
// (F28) may have had no room to run it, or for what was returned.
func (h *history) wrongFailure(j *record.Job) string {
	for i := range j.Attempts {
		a := &j.Attempts[i]
		if a.Outcome != "failed" || h.mayHave(a, func(r reading) bool { return h.broken("F28", a.Host, r.span()) }) {
			continue
		}
		for _, l := range h.lives[j.ID] {
			if l.fence == a.Fence && l.ended {
				return fmt.Sprintf("%s returned %q, and is told to have failed: %s", l, l.value, a.Cause)
			}
		}
		if !strings.Contains(a.Cause, planned) {
			return fmt.Sprintf("attempt %d is told to have failed, and was not to: %s", a.N, a.Cause)
		}
	}
	return ""
}
