package history_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// kind is which call it was.
type kind string

const (
	submit  kind = "submit"
	claim   kind = "claim"
	start   kind = "start"
	finish  kind = "finish"
	release kind = "release"
	renew   kind = "renew"
	cancel  kind = "cancel"
	requeue kind = "requeue"
	created kind = "created by a requeue"
	read    kind = "read"
	join    kind = "join"
	lose    kind = "lose" // what nobody called: the lease was ended by others
)

// call is one call about one job, and its answer.
type call struct {
	kind kind
	job  scheduler.JobID
	by   string

	// What was asked.
	host    int
	epoch   uint64
	claimID string
	devices []string
	fence   uint64 // of a claim: what it got
	outcome scheduler.Outcome
	short   string

	// What was answered.
	answer  answer
	state   scheduler.State
	already bool
	cancel  bool            // a cancel is on record
	newJob  scheduler.JobID // of a requeue

	called, answered int64 // on the recorder's clock
}

// answer is the kind of an answer.
type answer string

const (
	ok      answer = "ok"
	unknown answer = "no answer" // it may have happened, or may still
)

// refusals are the answers that say no.
var refusals = map[error]answer{
	scheduler.ErrNotFound: "not found", scheduler.ErrStale: "stale", scheduler.ErrBusy: "busy",
	scheduler.ErrFinal: "final", scheduler.ErrNotFinal: "not final", scheduler.ErrCancelled: "cancelled",
	scheduler.ErrStaleAgent: "agent replaced", scheduler.ErrAgentTooLate: "agent too late", scheduler.ErrRejoin: "rejoin",
}

func answerOf(err error) answer {
	if err == nil {
		return ok
	}
	for refusal, a := range refusals {
		if errors.Is(err, refusal) {
			return a
		}
	}
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, scheduler.ErrConflictRepeat) {
		return unknown
	}
	return answer("unexpected: " + err.Error())
}

// recorder writes down calls. Its clock counts events: only their order matters.
type recorder struct {
	clock atomic.Int64
	mu    sync.Mutex
	calls []call
}

func (r *recorder) now() int64 { return r.clock.Add(1) }

// record makes a call and writes it down.
func (r *recorder) record(c call, calls func(c *call) error) call {
	c.called = r.now()
	err := calls(&c)
	r.note(&c, err)
	return c
}

// note writes a call down that was answered now.
func (r *recorder) note(c *call, err error) {
	c.answer, c.answered = answerOf(err), r.now()
	if c.answer == unknown {
		c.answered = math.MaxInt64
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, *c)
}

// String tells the call in a line.
func (c call) String() string {
	until := fmt.Sprint(c.answered)
	if c.answered == math.MaxInt64 {
		until = "…"
	}
	s := fmt.Sprintf("%6d %6s  %-8s %s job %d", c.called, until, c.by, c.kind, c.job)
	switch c.kind {
	case join:
		s += fmt.Sprintf(" of host-%d as process %d", c.host, c.epoch)
	case claim:
		s += fmt.Sprintf(" as %s of process %d on %v", c.claimID, c.epoch, c.devices)
	case finish:
		s += fmt.Sprintf(" %s %q", c.outcome, c.short)
	}
	if c.fence != 0 {
		s += fmt.Sprintf(" fence %d", c.fence)
	}
	s += fmt.Sprintf(" -> %s", c.answer)
	if c.state != "" {
		s += fmt.Sprintf(", it is %s %q", c.state, c.short)
	}
	if c.already {
		s += " already"
	}
	if c.cancel {
		s += ", to be cancelled"
	}
	if c.newJob != 0 {
		s += fmt.Sprintf(", as job %d", c.newJob)
	}
	return s
}
