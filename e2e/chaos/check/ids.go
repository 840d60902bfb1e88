package check

import (
	"fmt"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// onceNamed: no id names two, not even after a loss: neither two that were answered with
// it, nor one of them and the job that is there under it. And who asks for a job is shown
// that one.
func (h *history) onceNamed() (out []Violation) {
	given := map[int64]string{}
	for id, j := range h.jobs {
		given[id] = whatIs(j.Name, j.RequeueOf)
	}
	for _, op := range h.Ops {
		if op.Shown != 0 {
			out = append(out, violation("conservation", op.Job, "%s asked for it, and was shown job %d", op.Client, op.Shown))
		}
		id, what := named(op)
		before, twice := given[id]
		if id != 0 && twice && before != what {
			out = append(out, violation("conservation", id, "this id was given to %s and to %s", before, what))
		}
		if id != 0 {
			given[id] = what
		}
	}
	return out
}

// named is what an answer gave an id to; 0: to nothing.
func named(op record.Op) (id int64, what string) {
	switch {
	case op.Refused != "":
		return 0, ""
	case op.Op == record.Submit:
		return op.Job, whatIs(op.Name, 0)
	case op.Op == record.Requeue:
		return op.NewJob, whatIs("", op.Job)
	}
	return 0, ""
}

func whatIs(name string, requeueOf int64) string {
	if requeueOf != 0 {
		return fmt.Sprintf("a requeue of job %d", requeueOf)
	}
	return name
}
