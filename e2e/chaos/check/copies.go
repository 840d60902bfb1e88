package check

import "github.com/mlq-dev/mlq/e2e/chaos/record"

// copyOf is the job that a submit became a second time; 0: none. Its key was lost with the
// job that it became first, so that a copy of the request makes another. There must have
// been one: that a server makes a job again by itself is no copy, and is not excused.
func (h *history) copyOf(op record.Op) int64 {
	lost := op.Op == record.Submit && op.Job != 0 && h.jobs[op.Job] == nil && h.inLoss(op)
	if !lost || op.Tries < 2 && !h.copied(op) {
		return 0
	}
	return h.names[op.Name]
}

// copied says that the network delivered users' requests twice (F10) while this one was sent.
func (h *history) copied(op record.Op) bool {
	return h.broken("F10", "client", span{op.CallNS, op.ReturnNS})
}
