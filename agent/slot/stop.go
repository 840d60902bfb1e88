package slot

import (
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// cause says what ended an attempt before its time.
type cause string

const (
	causeNone     cause = ""
	causeCancel   cause = "cancel"   // the agent said so
	causeTimeout  cause = "timeout"  // its time limit
	causeDeadline cause = "deadline" // the lease was not renewed
	causeRevoke   cause = "revoke"   // the lease is somebody else's
	causeQuit     cause = "quit"     // the slot was told to end
)

// stopping is the state of an attempt's end: who asked first, and how far it is.
// It knows clocks only as numbers (CLOCK_BOOTTIME).
type stopping struct {
	cause   cause
	outcome scheduler.Outcome
	why     string
	killAt  time.Duration // when the tree is killed; 0: nothing was asked
	termed  bool          // SIGTERM was sent
	killed  bool          // SIGKILL was sent
}

// ask notes a wish. The first one gives the outcome, and each may shorten
// what is left; a revoke overrides, because nothing else matters without the lease.
func (s *stopping) ask(c cause, outcome scheduler.Outcome, why string, killAt time.Duration) {
	if s.cause == causeNone || (c == causeRevoke && s.cause != causeRevoke) {
		s.cause, s.outcome, s.why = c, outcome, why
	}
	if s.killAt == 0 || killAt < s.killAt {
		s.killAt = killAt
	}
}

// clocks are the limits of time of an attempt.
type clocks struct {
	deadline   time.Duration // of the lease
	termBefore time.Duration
	killBefore time.Duration
	keep       bool          // the deadline is not enforced
	timeout    time.Duration // the time limit, for words
	timeoutAt  time.Duration // 0: none
	grace      time.Duration
}

// due asks for what the clocks ask for at now.
func (s *stopping) due(c clocks, now time.Duration) {
	if !c.keep && now >= c.deadline-c.termBefore {
		s.ask(causeDeadline, scheduler.OutcomeLost,
			"the lease could not be renewed in time", c.deadline-c.killBefore)
	}
	if c.timeoutAt != 0 && now >= c.timeoutAt && s.cause == causeNone {
		s.ask(causeTimeout, scheduler.OutcomeTimedOut,
			fmt.Sprintf("its time limit of %v passed", c.timeout), now+c.grace)
	}
}

// next is when to look again because of something other than the lease's
// deadline, which is looked at every second anyway; 0: never.
func (s *stopping) next(c clocks) time.Duration {
	if s.killAt != 0 && !s.killed {
		return s.killAt
	}
	if s.killAt == 0 {
		return c.timeoutAt
	}
	return 0
}

// action is what is to be done to the processes.
type action int

const (
	actNone action = iota
	actTerm        // SIGTERM to the runner
	actKill        // SIGKILL to the tree
)

// step says what to do now, and notes it as done.
func (s *stopping) step(now time.Duration) action {
	switch {
	case s.killAt == 0 || s.killed:
		return actNone
	case now >= s.killAt:
		s.killed = true
		return actKill
	case !s.termed:
		s.termed = true
		return actTerm
	}
	return actNone
}
