package history_test

import (
	"fmt"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/mlq-dev/mlq/scheduler"
)

// job is the model: what one job is, as docs/protocol.md has it.
type job struct {
	state   scheduler.State // "": not there yet
	fence   uint64          // of the last attempt
	claimID string
	epoch   uint64 // of the process that claimed it
	cancel  bool
	losses  int
	short   string // its result
	again   scheduler.JobID
	past    string        // the attempts that ended: " fence:outcome:claim "
	epochs  [hosts]uint64 // the current process of each host
}

// jobModel is the model for Porcupine. A step that cannot give the answer is refused.
var jobModel = porcupine.Model{
	Init: func() any { return job{} },
	Step: func(state, input, _ any) (bool, any) {
		before, c := state.(job), input.(call)
		after, possible := before.step(c)
		if c.answer == unknown && !possible {
			return true, before // it never happened, or changed nothing
		}
		return possible, after
	},
}

// step gives the job after the call, and whether it can have been answered so.
// A call without an answer is possible where it does something.
func (j job) step(c call) (job, bool) {
	switch c.kind {
	case submit:
		return job{state: scheduler.Queued, epochs: j.epochs}, j.state == ""
	case created:
		if j.state == "" {
			j.state = scheduler.Queued
		}
		return j, true
	case claim:
		return j.claim(c)
	case start:
		return j.start(c)
	case finish:
		return j.finish(c)
	case release:
		return j.release(c)
	case renew:
		return j, j.renews(c)
	case cancel:
		return j.stop(c)
	case requeue:
		return j.requeue(c)
	case read:
		return j, j.state == c.state && j.short == c.short && j.cancel == c.cancel && (!j.state.Active() || j.fence == c.fence)
	case join:
		j.epochs[c.host] = max(j.epochs[c.host], c.epoch)
		return j, true
	case lose:
		return j.lose(), j.holds(c.fence)
	}
	return j, false
}

// holds: this fence names the current lease.
func (j job) holds(fence uint64) bool { return j.state.Active() && j.fence == fence }

func (j job) ended(fence uint64, o scheduler.Outcome) bool {
	return strings.Contains(j.past, fmt.Sprintf(" %d:%s:", fence, o))
}

func (j job) end(o scheduler.Outcome) job {
	j.past += fmt.Sprintf(" %d:%s:%s ", j.fence, o, j.claimID)
	return j
}

// back queues the job again, unless it was cancelled.
func (j job) back() job {
	j.state = scheduler.Queued
	if j.cancel {
		j.state = scheduler.Cancelled
	}
	return j
}

func (j job) claim(c call) (job, bool) {
	switch c.answer {
	case ok, unknown:
		if j.state.Active() && j.claimID == c.claimID {
			return j, j.fence == c.fence // a repeat gets the same lease
		}
		possible := j.state == scheduler.Queued && !j.cancel && j.epochs[c.host] == c.epoch && c.fence > j.fence
		j.state, j.fence, j.claimID, j.epoch = scheduler.Leased, c.fence, c.claimID, c.epoch
		return j, possible
	case "final":
		return j, j.state.Final()
	case "stale": // the lease that it got is over
		return j, strings.Contains(j.past, ":"+c.claimID+" ")
	case "busy": // itself, its devices, or the host is avoided
		return j, j.state != "" && !j.state.Final()
	case "agent replaced", "rejoin", "agent too late":
		return j, j.state == scheduler.Queued
	}
	return j, false
}

func (j job) start(c call) (job, bool) {
	switch c.answer {
	case ok, unknown:
		possible := j.holds(c.fence) && !j.cancel
		j.state = scheduler.Running
		return j, possible
	case "cancelled":
		return j, j.holds(c.fence) && j.cancel
	case "stale":
		return j, !j.holds(c.fence)
	}
	return j, false
}

func (j job) finish(c call) (job, bool) {
	runs := j.holds(c.fence) && j.state == scheduler.Running
	switch {
	case c.answer == "stale":
		return j, !runs && !j.ended(c.fence, c.outcome)
	case c.answer != ok && c.answer != unknown:
		return j, false
	case j.ended(c.fence, c.outcome): // a repeat
		return j, c.answer == unknown || j.state == c.state
	}
	j = j.end(c.outcome)
	j.short = c.short
	switch {
	case c.outcome == scheduler.OutcomeSucceeded:
		j.state = scheduler.Succeeded
	case j.cancel:
		j.state = scheduler.Cancelled
	default:
		j.state = scheduler.Failed
	}
	return j, runs && (c.answer == unknown || j.state == c.state)
}

func (j job) release(c call) (job, bool) {
	over := j.ended(c.fence, scheduler.OutcomeReleased)
	switch {
	case c.answer == "stale":
		return j, !j.holds(c.fence) && !over
	case c.answer != ok && c.answer != unknown:
		return j, false
	case over:
		return j, true
	}
	return j.end(scheduler.OutcomeReleased).back(), j.holds(c.fence)
}

func (j job) renews(c call) bool {
	mine := j.holds(c.fence) && j.epoch == c.epoch
	switch c.answer {
	case ok:
		return mine && j.cancel == c.cancel
	case "stale":
		return !mine
	}
	return false
}

func (j job) stop(c call) (job, bool) {
	done := j.state.Final() || j.cancel
	switch {
	case c.answer == "not found":
		return j, j.state == ""
	case c.answer != ok && c.answer != unknown || j.state == "":
		return j, false
	case done:
		return j, c.answer == unknown || c.already && j.state == c.state
	}
	j.cancel = true
	if !j.state.Active() {
		j.state = scheduler.Cancelled
	}
	// already may be told here too: where the answer was lost, the repeat finds
	// the cancel on record and cannot know whose it is.
	return j, c.answer == unknown || j.state == c.state
}

func (j job) requeue(c call) (job, bool) {
	switch {
	case c.answer == "final":
		return j, j.state == scheduler.Succeeded && j.again == 0
	case c.answer == "not final":
		return j, !j.state.Final()
	case c.answer != ok && c.answer != unknown:
		return j, false
	case j.again != 0:
		return j, j.again == c.newJob
	}
	possible := j.state == scheduler.Failed || j.state == scheduler.Cancelled
	j.again = c.newJob
	return j, possible
}

// lose: others ended the lease. Only attempts that ran count; the fourth fails the job.
func (j job) lose() job {
	if j.state == scheduler.Running {
		j.losses++
	}
	j = j.end(scheduler.OutcomeLost)
	if j.losses > 3 && !j.cancel {
		j.state = scheduler.Failed
		return j
	}
	return j.back()
}
