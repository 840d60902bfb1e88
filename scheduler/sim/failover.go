package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// MaxLag is for how long a master that was replaced goes on acknowledging:
// Redis' min-replicas-max-lag. Hold-offs are that much longer (Config.Timing).
const MaxLag = 10 * time.Second

// withinLag is a moment before the master that was replaced notices.
const withinLag = 9 * time.Second

// servesOld: the master before the failover still acknowledges.
func (w *World) servesOld() bool {
	return w.old != nil && (w.NoMinReplicas || w.elapsed < w.lostAt+MaxLag)
}

// oldSteps lists what agents can do that are cut off together with the master
// that was replaced.
func (w *World) oldSteps() []step {
	if !w.servesOld() {
		return nil
	}
	var out []step
	if w.elapsed == w.lostAt {
		out = append(out, step{"a moment passes", func(w *World) { w.pass(withinLag) }})
	}
	if w.used.Olds >= w.Limits.Olds {
		return out
	}
	for i := range w.agents {
		if a := &w.agents[i]; a.joined {
			out = append(out, w.oldStepsOf(i, a.name)...)
		}
	}
	return out
}

func (w *World) oldStepsOf(i int, name string) (out []step) {
	add := func(what string, do func(*World)) {
		out = append(out, step{name + ": " + what + ", by the old master", func(w *World) {
			w.used.Olds++
			w.agents[i].stirred = true
			w.byOld(do)
		}})
	}
	for _, id := range w.live {
		if what, do := w.leaseStep(i, id); do != nil {
			add(fmt.Sprintf("%s %d", what, id), func(w *World) { do(w, heard) })
		}
	}
	add("renew", func(w *World) { w.renew(i, heard) })
	return out
}

// byOld has the old master answer. What it acknowledges is lost with it: nothing
// is promised by that. A job that was leased there and is cancelled with its
// successor may still start for as long as it acknowledges (docs/protocol.md).
func (w *World) byOld(do func(*World)) {
	promised, cancelled := w.promised, w.cancelled
	w.promised, w.cancelled = map[scheduler.JobID]promise{}, nil
	w.store, w.old = w.old, w.store
	do(w)
	w.store, w.old = w.old, w.store
	w.promised, w.cancelled = promised, cancelled
	for id, p := range promised { // what the agent gave up there it does not renew
		if !w.holds(id, p.fence) {
			w.promised = without(w.promised, id)
		}
	}
}

// holds: some agent believes to hold this lease.
func (w *World) holds(id scheduler.JobID, fence uint64) bool {
	return slices.ContainsFunc(w.agents, func(a agent) bool { return a.leases[id].fence == fence })
}
