package agent

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

func TestConclude(t *testing.T) {
	user := &scheduler.RenewAnswer{Cancel: true, Why: "ana"}
	revoke := &scheduler.RenewAnswer{Cancel: true, Why: "root: maintenance", Then: "requeue"}
	finished := func(f scheduler.Finish) verdict { return verdict{kind: finish, finish: f} }

	tests := []struct {
		name  string
		end   slot.Ended
		order *scheduler.RenewAnswer
		gone  bool
		want  verdict
	}{
		{
			name: "success", end: slot.Ended{Outcome: scheduler.OutcomeSucceeded, Started: true},
			want: finished(scheduler.Finish{Outcome: scheduler.OutcomeSucceeded}),
		}, {
			name: "failure", end: slot.Ended{Outcome: scheduler.OutcomeFailed, Reason: scheduler.ReasonOOM, Detail: "killed by the kernel", ExitCode: -1, Signal: "SIGKILL", Started: true},
			want: finished(scheduler.Finish{Outcome: scheduler.OutcomeFailed, Reason: scheduler.ReasonOOM, Detail: "killed by the kernel", ExitCode: -1, Signal: "SIGKILL"}),
		}, {
			name: "lost with its slot", end: slot.Ended{Outcome: scheduler.OutcomeLost, Detail: "the slot was killed", Started: true},
			want: finished(scheduler.Finish{Outcome: scheduler.OutcomeLost, Reason: scheduler.ReasonLost, Detail: "the slot was killed"}),
		}, {
			name: "lost, and the lease too", end: slot.Ended{Outcome: scheduler.OutcomeLost, Started: true}, gone: true,
			want: verdict{kind: throwAway},
		}, {
			name: "a result that came too late", end: slot.Ended{Outcome: scheduler.OutcomeSucceeded, Started: true}, gone: true,
			want: verdict{kind: throwAway},
		}, {
			name: "cancelled", end: slot.Ended{Outcome: scheduler.OutcomeCancelled, Started: true}, order: user,
			want: finished(scheduler.Finish{Outcome: scheduler.OutcomeCancelled}),
		}, {
			name: "finished just before the cancel", end: slot.Ended{Outcome: scheduler.OutcomeSucceeded, Started: true}, order: user,
			want: finished(scheduler.Finish{Outcome: scheduler.OutcomeSucceeded}),
		}, {
			name: "revoked, to run again", end: slot.Ended{Outcome: scheduler.OutcomeReleased, Detail: "root: maintenance", Started: true}, order: revoke,
			want: verdict{kind: giveBack, cause: "root: maintenance"},
		}, {
			name: "revoked by an agent before this one", end: slot.Ended{Outcome: scheduler.OutcomeCancelled, Started: true}, order: revoke,
			want: verdict{kind: giveBack, cause: "root: maintenance"},
		}, {
			name: "never started", end: slot.Ended{Outcome: scheduler.OutcomeFailed, Detail: "no memory for a fork"},
			want: verdict{kind: giveBack, cause: "no memory for a fork"},
		}, {
			name: "cancelled before it started", end: slot.Ended{Outcome: scheduler.OutcomeCancelled}, order: user,
			want: verdict{kind: giveBack, cause: "ana"},
		}, {
			name: "lost before it started", end: slot.Ended{Outcome: scheduler.OutcomeLost},
			want: verdict{kind: giveBack, cause: "ended before the call was handed over"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := conclude(tt.end, tt.order, tt.gone)
			if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(verdict{})); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestStopFor(t *testing.T) {
	if s := stopFor(scheduler.RenewAnswer{Why: "ana"}); s.Outcome != scheduler.OutcomeCancelled || s.Grace >= 0 || s.Why != "ana" {
		t.Errorf("a cancel is told as %+v", s)
	}
	if s := stopFor(scheduler.RenewAnswer{Then: "requeue"}); s.Outcome != scheduler.OutcomeReleased {
		t.Errorf("a revoke is told as %+v", s)
	}
}
