package scheduler

import (
	"cmp"
	"slices"
)

// takeTurns merges the users' own lines: each time the first of the user who
// holds fewest, counting what the earlier ones of the order would hold.
//
// Each choice says how many devices its user may hold when it is claimed: as
// many as they would at their turn, so that two agents at the same moment do
// not both favour the same user; any number where nobody else waits.
func takeTurns(ready []*candidate, held map[string]int64) []Choice {
	slices.SortStableFunc(ready, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), behind(a, b))
	})
	waiting := waiters(ready, held)
	runs := make([]Choice, 0, len(ready))
	for range ready {
		best := nextOf(waiting)
		if best == nil {
			break
		}
		first, limit := best.line[0], best.holds
		if len(waiting) == 1 {
			limit = anyNumber
		}
		best.line, best.holds = best.line[1:], best.holds+int64(first.Devices)
		runs = append(runs, Choice{
			Kind: ChoiceRun, Job: first.Job, Devices: first.devices, Priority: first.Priority, User: first.User, Held: limit,
		})
	}
	return runs
}

// waiter is a user with those of their jobs that can run.
type waiter struct {
	line  []*candidate // in their order
	holds int64        // devices, with those of the line that had their turn
}

// waiters gives each user's line.
func waiters(ready []*candidate, held map[string]int64) []waiter {
	at := make(map[string]int)
	var all []waiter
	for _, c := range ready {
		i, known := at[c.User]
		if !known {
			i, at[c.User] = len(all), len(all)
			all = append(all, waiter{holds: held[c.User]})
		}
		all[i].line = append(all[i].line, c)
	}
	return all
}

// nextOf gives the user whose turn it is; nil: nobody's. What stands in front of a
// line and would pass its user's limit is dropped: its claim would be refused.
func nextOf(all []waiter) (best *waiter) {
	for i := range all {
		w := &all[i]
		for len(w.line) > 0 && !w.line[0].allowed(w.holds) {
			w.line = w.line[1:]
		}
		if len(w.line) > 0 && (best == nil || w.before(best)) {
			best = w
		}
	}
	return best
}

// anyNumber is more devices than anybody holds.
const anyNumber = 1 << 40

// before is the order between users.
func (w *waiter) before(o *waiter) bool {
	a, b := w.line[0], o.line[0]
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(w.holds, o.holds), behind(a, b)) < 0
}

// behind is the order of jobs of one priority: by the fair rank, then arrival.
func behind(a, b *candidate) int {
	return cmp.Or(cmp.Compare(a.turn, b.turn), a.Since.Compare(b.Since), cmp.Compare(a.Job, b.Job))
}
