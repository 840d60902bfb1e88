package agent

import (
	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

// verdictKind says what becomes of an attempt that is over.
type verdictKind uint8

const (
	finish    verdictKind = iota + 1 // tell the store how it ended
	giveBack                         // release the lease: the job is to run again
	throwAway                        // the lease is not ours: nothing is sent
)

// verdict is what is to be told to the store.
type verdict struct {
	kind   verdictKind
	cause  string           // of giveBack, in words
	awaits []string         // of giveBack: the functions that are not registered any more
	finish scheduler.Finish // of finish; Result is filled in by deliver
}

// conclude decides from how the slot says that the attempt ended, from the
// cancel that was ordered (nil: none), and from whether the lease is gone.
// It is pure.
func conclude(end slot.Ended, order *scheduler.RenewAnswer, gone bool) verdict {
	switch {
	case gone:
		return verdict{kind: throwAway}
	case end.Outcome == scheduler.OutcomeReleased:
		return verdict{kind: giveBack, cause: end.Detail}
	case !end.Started:
		return verdict{kind: giveBack, cause: unstarted(end, order)}
	case end.Outcome == scheduler.OutcomeCancelled && order != nil && order.Then == thenRequeue:
		return verdict{kind: giveBack, cause: order.Why}
	}
	return verdict{kind: finish, finish: scheduler.Finish{
		Outcome: end.Outcome, Reason: reasonOf(end), Detail: end.Detail,
		ExitCode: end.ExitCode, Signal: end.Signal,
	}}
}

// thenRequeue is what a revoke says that wants the job to run again.
const thenRequeue = "requeue"

func unstarted(end slot.Ended, order *scheduler.RenewAnswer) string {
	if order != nil {
		return order.Why
	}
	if end.Detail != "" {
		return end.Detail
	}
	return "ended before the call was handed over"
}

func reasonOf(end slot.Ended) scheduler.Reason {
	if end.Outcome == scheduler.OutcomeLost {
		return scheduler.ReasonLost
	}
	return end.Reason
}

// stopFor is how the slot is told of a cancel.
func stopFor(order scheduler.RenewAnswer) slot.Stop {
	s := slot.Stop{Outcome: scheduler.OutcomeCancelled, Why: order.Why, Grace: -1}
	if order.Then == thenRequeue {
		s.Outcome = scheduler.OutcomeReleased
	}
	return s
}
