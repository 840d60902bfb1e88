package check

import (
	"fmt"
	"math"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// What agents and servers did to a job, beside what clients asked (record.Submit …).
const (
	created = "created" // by the requeue of another
	claimed = "claimed"
	started = "started"
	over    = "over"   // an attempt ended
	expired = "failed" // while it waited
)

// missed is an operation of a client who was told that there is no such job.
const missed = "missed"

// notFound is the code of that answer.
const notFound = string(api.CodeNotFound)

// never is the time of an answer that did not come.
const never = math.MaxInt64

// step is one thing that was done to a job, with the time in which it was.
type step struct {
	record.Op
	then string // of over: the state after it
	// last is the look at the end, at which the job says whether a cancel was asked for.
	last, asked bool
}

func (s step) String() string {
	text := s.Op.Op
	if s.Fence != 0 {
		text += fmt.Sprintf(" %d", s.Fence)
	}
	if s.State != "" {
		text += " -> " + s.State
	}
	if s.then != "" {
		text += " -> " + s.then
	}
	if s.Unknown {
		text += " (no answer)"
	}
	return text
}

// steps gives what was done to a job. What clients were answered while the
// store was losing writes says nothing; the attempts that are on record
// happened, at a time of which the processes' own lines give the bounds.
func (h *history) steps(j *record.Job) []step {
	out := h.asked(j)
	for i, a := range j.Attempts {
		out = append(out, h.attempt(j, i, a)...)
	}
	if j.State == "failed" && (j.Reason == "expired" || j.Reason == "dependency") {
		out = append(out, step{Op: record.Op{Op: expired, ReturnNS: never}})
	}
	last := record.Op{Client: "the end", Op: record.Get, CallNS: never - 1, ReturnNS: never, State: j.State, Attempts: len(j.Attempts), Result: j.Result}
	if n := len(j.Attempts); n > 0 {
		last.Fence = j.Attempts[n-1].Fence
	}
	return append(out, step{Op: last, last: true, asked: j.Cancelled})
}

// asked are the operations of clients that tell something.
func (h *history) asked(j *record.Job) (out []step) {
	if parent := h.jobs[j.RequeueOf]; parent != nil {
		out = append(out, step{Op: record.Op{Op: created, ReturnNS: never}})
	}
	for _, op := range h.ops[j.ID] {
		lossy := h.inLoss(op)
		switch {
		case op.Refused == notFound && !lossy:
			op.Op = missed
		case op.Refused != "" || op.Op == record.Get && (op.Unknown || lossy):
			continue
		case op.Op == record.Requeue && (op.Unknown || lossy):
			if op.NewJob = j.RequeuedAs; op.NewJob == 0 {
				continue
			}
		}
		if op.Unknown || lossy {
			op.Unknown, op.ReturnNS = true, never
		}
		out = append(out, step{Op: op})
	}
	return out
}

// attempt gives the steps of one attempt on record.
func (h *history) attempt(j *record.Job, i int, a record.Attempt) []step {
	begun, ended := int64(never), int64(0)
	for _, l := range h.lives[j.ID] {
		if l.fence == a.Fence {
			begun = l.from
			if l.ended && a.Outcome == "succeeded" {
				ended = l.to
			}
			break
		}
	}
	fact := func(op string, from, to int64) step {
		return step{Op: record.Op{Op: op, Fence: a.Fence, Attempts: i + 1, CallNS: from, ReturnNS: to}}
	}
	out := []step{fact(claimed, 0, begun)}
	if a.StartedNS != 0 {
		out = append(out, fact(started, 0, begun))
	}
	if a.Outcome == "" {
		return out
	}
	end := fact(over, ended, never)
	if end.then = after(j, i, a); end.then == "succeeded" {
		end.Result = j.Result
	}
	return append(out, end)
}

// after is the state that the end of an attempt left, where no cancel says otherwise.
func after(j *record.Job, i int, a record.Attempt) string {
	last := i == len(j.Attempts)-1
	waited := j.Reason == "expired" || j.Reason == "dependency"
	switch {
	case a.Outcome == "succeeded", last && j.State == "failed" && !waited:
		return j.State
	case a.Outcome == "cancelled" && last:
		return "cancelled" // before the last it was a cancel that the store lost: a retry
	}
	return waiting
}
