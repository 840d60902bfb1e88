package check

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// patience is how long Porcupine may think about one job.
const patience = time.Minute

// linearizable looks, for each job, for an order of what was done to it that a
// job allows. Jobs that an invariant found wrong are left out: it would be told twice.
func linearizable(h *history, found []Violation, folder string) (out []Violation) {
	for _, id := range sorted(h.jobs) {
		if told(found, id) {
			continue
		}
		if err := possible(h.steps(h.jobs[id]), filepath.Join(folder, fmt.Sprintf("job-%d.html", id))); err != nil {
			out = append(out, violation("linearizable", id, "%s", err))
		}
	}
	return out
}

func possible(steps []step, picture string) error {
	// Porcupine tries them by when they began: in the order in which they most likely were.
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.CallNS, b.CallNS) })
	ops := make([]porcupine.Operation, len(steps))
	for i, s := range steps {
		ops[i] = porcupine.Operation{ClientId: i, Input: s, Call: s.CallNS, Return: s.ReturnNS}
	}
	verdict, info := porcupine.CheckOperationsVerbose(jobModel, ops, patience)
	switch verdict {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("no verdict on %d steps in %s", len(steps), patience)
	}
	if err := porcupine.VisualizePath(jobModel, info, picture); err != nil {
		return fmt.Errorf("no order of %d steps is possible, and no picture: %w", len(steps), err)
	}
	return fmt.Errorf("no order of these %d steps is possible (%s): %v", len(steps), picture, steps)
}
