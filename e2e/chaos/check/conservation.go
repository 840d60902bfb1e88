package check

import "github.com/mlq-dev/mlq/e2e/chaos/record"

// conserved: what is there was submitted, or made by a requeue, and once. That
// what was submitted is there is I3. No id names two submissions, not even
// after a loss.
func conserved(h *history) (out []Violation) {
	asked := map[string]bool{} // names that may have become a job
	again := map[int64]bool{}  // jobs that may have been requeued
	named := map[int64]string{}
	for _, op := range h.Ops {
		again[op.Job] = again[op.Job] || op.Op == record.Requeue && op.Refused == ""
		if op.Op != record.Submit || op.Refused != "" {
			continue
		}
		asked[op.Name] = true
		if before, twice := named[op.Job]; twice && op.Job != 0 && before != op.Name {
			out = append(out, violation("conservation", op.Job, "this id was given to %s and to %s", before, op.Name))
		}
		named[op.Job] = op.Name
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
