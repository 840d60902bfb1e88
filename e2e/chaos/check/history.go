package check

import (
	"cmp"
	"maps"
	"slices"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// history is a record, in the order in which it is asked.
type history struct {
	*record.Record
	jobs  map[int64]*record.Job
	ops   map[int64][]record.Op // of each job that is known by its id
	names map[string]int64      // which job a name became; of several, one
	lives map[int64][]*life     // of each job, by when they began
	// copies counts the submits that copyOf found to be another job a second time.
	copies int
}

func newHistory(rec *record.Record) *history {
	h := &history{
		Record: rec, jobs: map[int64]*record.Job{}, ops: map[int64][]record.Op{}, names: map[string]int64{},
		lives: livesOf(rec.Truth),
	}
	for i := range rec.Jobs {
		j := &rec.Jobs[i]
		h.jobs[j.ID] = j
		if j.RequeueOf == 0 && j.Name != "" {
			h.names[j.Name] = j.ID
		}
	}
	for _, op := range rec.Ops {
		if op.Job == 0 && op.Op == record.Submit && op.Refused == "" {
			op.Job = h.names[op.Name]
		}
		if op.Job != 0 {
			h.ops[op.Job] = append(h.ops[op.Job], op)
		}
		if id := h.copyOf(op); id != 0 {
			h.ops[id] = append(h.ops[id], op)
			h.copies++
		}
	}
	return h
}

// made counts the jobs that submits and requeues made, as far as anybody knows,
// and those of them that a lossy store took.
func (h *history) made() (submitted, excused int) {
	seen := map[int64]bool{}
	for _, op := range h.Ops {
		id := h.makes(op)
		if id == 0 || seen[id] {
			continue
		}
		seen[id] = true
		submitted++
		if h.jobs[id] == nil && h.inLoss(op) {
			excused++
		}
	}
	return submitted, excused
}

// makes gives the job that an operation made; 0: none, or nobody knows which.
func (h *history) makes(op record.Op) int64 {
	switch {
	case op.Refused != "":
		return 0
	case op.Op == record.Submit && op.Job == 0:
		return h.names[op.Name]
	case op.Op == record.Submit:
		return op.Job
	case op.Op == record.Requeue:
		return op.NewJob
	}
	return 0
}

// acknowledged: there was an answer, and it said yes.
func acknowledged(op record.Op) bool { return !op.Unknown && op.Refused == "" }

func final(state string) bool {
	return state == "succeeded" || state == "failed" || state == "cancelled"
}

// sorted gives the keys of a map, so that reports read the same each time.
func sorted[K cmp.Ordered, T any](m map[K]T) []K { return slices.Sorted(maps.Keys(m)) }

func byStart(a, b *life) int {
	return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.fence, b.fence))
}
