package scheduler_test

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/sim"
)

// TestForgottenWhileItClaims: a claim or a report that was on its way for so long
// that its host was forgotten meanwhile is refused: nobody looks for the leases of
// a host that is not listed, or would take its devices away again.
func TestForgottenWhileItClaims(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	timing := scheduler.DefaultTiming()
	for name, first := range map[string]string{"claim": "commit live:job:", "report": "commit agent:inventory:"} {
		t.Run(name, func(t *testing.T) {
			w := worldOn(t, sim.NewStore("store", func() time.Time { return now }), timing)
			h := w.host("a", 1)
			job := w.submit("ana")
			choice := h.choose(nil)
			met := &between{Store: w.st, name: first, then: func() {
				now = now.Add(timing.Expire + time.Second)
				w.must(w.s.ForgetHost(w.ctx, "a"))
			}}
			late, err := scheduler.New(met, scheduler.Options{Timing: timing})
			w.must(err)
			if name == "claim" {
				_, err = late.Claim(w.ctx, scheduler.ClaimRequest{
					Host: "a", Epoch: h.epoch, Job: choice.Job, Devices: choice.Devices, ClaimID: "late",
				})
				w.wantErr(err, scheduler.ErrAgentTooLate)
			} else {
				w.wantErr(late.Report(w.ctx, "a", h.epoch, h.inv), scheduler.ErrRejoin)
			}
			if met.then != nil {
				t.Error("the host was not forgotten in between")
			}
			w.wantState(job, scheduler.Queued)
			w.wantErr(w.s.ForgetHost(w.ctx, "a"), scheduler.ErrUnknownHost)
		})
	}
}
