package check

import "github.com/mlq-dev/mlq/e2e/chaos/record"

// conserved: what is there was submitted, or made by a requeue, and once. That
// what was submitted is there is I3.
func conserved(h *history) (out []Violation) {
	out = h.onceNamed()
	asked := map[string]bool{} // names that may have become a job
	again := map[int64]bool{}  // jobs that may have been requeued
	for _, op := range h.Ops {
		again[op.Job] = again[op.Job] || op.Op == record.Requeue && op.Refused == ""
		asked[op.Name] = asked[op.Name] || op.Op == record.Submit && op.Refused == ""
	}
	seen := map[string]int64{}
	for _, id := range sorted(h.jobs) {
		j := h.jobs[id]
		switch before := h.jobs[j.RequeueOf]; {
		case j.RequeueOf != 0 && !again[j.RequeueOf]:
			out = append(out, violation("conservation", id, "it runs job %d again, which nobody asked for, or who did was refused", j.RequeueOf))
		case j.RequeueOf != 0 && (before == nil || before.RequeuedAs == id):
		case j.RequeueOf != 0:
			out = append(out, violation("conservation", id, "it says that it runs job %d again, which was requeued as %d", j.RequeueOf, before.RequeuedAs))
		case !asked[j.Name]:
			out = append(out, violation("conservation", id, "nobody submitted it, or who did was refused: %q", j.Name))
		case seen[j.Name] != 0:
			out = append(out, violation("conservation", id, "%s was submitted once and is job %d too", j.Name, seen[j.Name]))
		default:
			seen[j.Name] = id
		}
	}
	return out
}
