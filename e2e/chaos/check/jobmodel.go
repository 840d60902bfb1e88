package check

import (
	"fmt"

	"github.com/anishathalye/porcupine"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// waiting is scheduled or queued: between the two a job moves of itself.
const waiting = "waiting"

// job is the model: what a job is to a client, as docs/protocol.md has it.
// scheduler/history models the same job as agents see it; here agents are other
// processes, and of what they did only the record and the jobs' own lines tell.
type job struct {
	state    string // "": not there yet; waiting, leased, running, or a final one
	attempts int
	fence    uint64
	cancel   bool
	result   string
	again    int64 // what it was requeued as
}

// jobModel is the model for Porcupine.
var jobModel = porcupine.Model{
	Init: func() any { return job{} },
	Step: func(state, input, _ any) (bool, any) {
		after, possible := state.(job).step(input.(step))
		return possible, after
	},
	DescribeOperation: func(input, _ any) string { return input.(step).String() },
	DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
}

func (j job) active() bool { return j.state == "leased" || j.state == "running" }

// step gives the job after the step, and whether it can have been so.
func (j job) step(s step) (job, bool) {
	switch s.Op.Op {
	case record.Submit, created:
		if j.state == "" {
			j.state = waiting
		}
		return j, true // else a repeat, under the same key
	case record.Get:
		return j, j.shows(s.Op) && (!s.last || j.cancel == s.asked)
	case missed:
		return j, j.state == ""
	case record.Cancel:
		return j.cancelled(s)
	case record.Requeue:
		possible := (j.state == "failed" || j.state == "cancelled") && (j.again == 0 || j.again == s.NewJob)
		j.again = s.NewJob
		return j, possible
	case expired:
		possible := j.state == waiting
		j.state = "failed"
		return j, possible
	}
	return j.attempt(s)
}

// shows: this is what the job is.
func (j job) shows(op record.Op) bool {
	state := op.State
	if state == "queued" || state == "scheduled" {
		state = waiting
	}
	return j.state == state && j.attempts == op.Attempts && j.fence == op.Fence && j.result == op.Result
}

// attempt is what an agent, or the reaper, did.
func (j job) attempt(s step) (job, bool) {
	switch s.Op.Op {
	case claimed:
		// By its number: else Porcupine would try attempts in any order, and not come to an end.
		possible := j.state == waiting && !j.cancel && s.Fence > j.fence && s.Attempts == j.attempts+1
		j.state, j.fence, j.attempts = "leased", s.Fence, s.Attempts
		return j, possible
	case started:
		possible := j.state == "leased" && j.fence == s.Fence && !j.cancel
		j.state = "running"
		return j, possible
	case over:
		possible := j.active() && j.fence == s.Fence && (j.cancel || s.then != "cancelled")
		j.state, j.result = s.then, s.Result
		if j.cancel && s.then == waiting {
			j.state = "cancelled" // never queued again
		}
		return j, possible
	}
	return j, false
}

// cancelled is a cancel, with an answer or without. A repeat of one whose
// answer was lost cannot know whose cancel it finds.
func (j job) cancelled(s step) (job, bool) {
	answer := s.State
	if answer == "queued" || answer == "scheduled" {
		answer = waiting
	}
	switch {
	case j.state == "":
		return j, false
	case j.active():
		j.cancel = true
	case j.state == waiting:
		j.state, j.cancel = "cancelled", true
	}
	return j, s.Unknown || j.state == answer
}
