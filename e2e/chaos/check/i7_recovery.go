package check

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// timelyRecovery is I7: the leases of a host whose processes have died end
// within World.RecoveryNS, or within as much after the store was there again.
func timelyRecovery(h *history) (out []Violation) {
	for _, i := range h.deaths() {
		deadline := h.recoveredBy(i.FromNS)
		for _, id := range sorted(h.jobs) {
			for n := range h.jobs[id].Attempts {
				if text := h.lateFor(&h.jobs[id].Attempts[n], i, deadline); text != "" {
					out = append(out, violation("I7", id, "%s", text))
				}
			}
		}
	}
	return out
}

// lateFor says by how much a lease that a dead host had ended too late.
func (h *history) lateFor(a *record.Attempt, death record.Interval, deadline int64) string {
	return h.wrong(a, func(r reading) string {
		if a.Host != death.Host || r.claimed >= death.FromNS || r.ended <= deadline {
			return ""
		}
		return fmt.Sprintf("%s died at %d, and the lease with fence %d ended %d ms too late", death.Host, death.FromNS, a.Fence, (r.ended-deadline)/1e6)
	})
}

// deaths are those that lasted until all leases of the host must have ended.
func (h *history) deaths() []record.Interval {
	return slices.DeleteFunc(slices.Clone(h.Intervals), func(i record.Interval) bool {
		return h.World.RecoveryNS == 0 || i.Kind != record.Silent || h.recoveredBy(i.FromNS) > i.ToNS
	})
}

// recoveredBy is when the leases of a host that died must have ended.
func (h *history) recoveredBy(died int64) int64 {
	deadline := died + h.World.RecoveryNS
	troubles := slices.DeleteFunc(slices.Clone(h.Intervals), func(i record.Interval) bool { return i.Kind != record.Outage && i.Kind != record.Loss })
	slices.SortFunc(troubles, func(a, b record.Interval) int { return cmp.Compare(a.FromNS, b.FromNS) })
	for _, i := range troubles {
		if i.FromNS < deadline && i.ToNS > died {
			deadline = max(deadline, i.ToNS+h.World.RecoveryNS)
		}
	}
	return deadline
}
