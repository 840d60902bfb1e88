package scheduler_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

// TestLostAgent: its leases are ended when it is silent, and the budget counts
// only attempts that had started.
func TestLostAgent(t *testing.T) {
	w := newWorld(t, fast()).running()
	id := w.submit("ana")
	for i := range 5 {
		h := w.host(fmt.Sprint("host", i), 1)
		c := h.take(nil)
		if i > 0 {
			w.start(c)
		}
		w.until("the lease is ended", func() bool { return !w.job(id).State.Active() })
	}
	j := w.wantState(id, scheduler.Failed)
	if j.Reason != scheduler.ReasonLost || j.Losses != 4 || len(j.Attempts) != 5 {
		t.Fatalf("%+v", j)
	}
	w.clean()
}

func TestRestartedAgent(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 3)
	runs, gone, unsure := w.submit("ana"), w.submit("ana"), w.submit("ana")
	busy := map[string]bool{}
	var refs []scheduler.LeaseRef
	for range 3 {
		c := h.take(busy)
		busy[c.Job.Attempt().Devices[0]] = true
		refs = append(refs, w.start(c))
	}
	old := h.epoch
	unsureJob := w.job(unsure)
	stuck := unsureJob.Attempt().Devices[0]
	foreign := scheduler.LeaseRef{Job: gone, Fence: 7}
	j := h.join([]scheduler.LeaseRef{refs[0], foreign}, func(uuid string) bool { return uuid != stuck })
	if len(j.Adopt) != 1 || j.Adopt[0].ID != runs || len(j.Kill) != 1 || j.Kill[0] != foreign {
		t.Fatalf("joined as %+v", j)
	}
	w.wantState(gone, scheduler.Queued)
	w.wantState(unsure, scheduler.Running) // its device is not locked: it may be alive
	_, err := w.s.Renew(w.ctx, "a", old, nil)
	w.wantErr(err, scheduler.ErrStaleAgent)
	h.inv.BootID = "boot-2"
	h.join(nil, nil)
	w.wantState(unsure, scheduler.Queued)
	w.wantState(runs, scheduler.Queued)
	w.clean()
}

// TestReplacedAgentsLeasesExpire: what the new process neither runs nor can
// vouch for ends when the old one's belief must be over, however often the new one renews.
func TestReplacedAgentsLeasesExpire(t *testing.T) {
	w := newWorld(t, fast()).running()
	h := w.host("a", 1)
	id := w.submit("ana")
	w.start(h.take(nil))
	h.join(nil, func(string) bool { return false })
	w.until("it is queued again", func() bool { h.renew(); return w.job(id).State == scheduler.Queued })
}

func TestDrain(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 2)
	w.submit("ana")
	w.drain(scheduler.Drain{Host: "a", Device: "GPU-a-0", By: "root: fan"})
	c := h.choose(nil)
	if c.Devices[0] != "GPU-a-1" {
		t.Fatalf("chose %v", c.Devices)
	}
	w.drain(scheduler.Drain{Host: "a", By: "root: update"})
	_, err := h.claim(c)
	w.wantErr(err, scheduler.ErrBusy)
	if c := h.choose(nil); c.Kind != scheduler.ChoiceNone || !strings.Contains(c.Reason, "root: update") {
		t.Fatalf("%+v", c)
	}
	why, err := w.s.Why(w.ctx, 1, scheduler.Shown{})
	w.must(err)
	if len(why.Reasons) == 0 || why.Reasons[0].Code != "drained" {
		t.Fatalf("%+v", why)
	}
	w.must(w.s.Undrain(w.ctx, "a", ""))
	_, err = w.s.Drain(w.ctx, scheduler.Drain{Host: "b", By: "root"})
	w.wantErr(err, scheduler.ErrUnknownHost)
	w.wantErr(w.s.Undrain(w.ctx, "b", ""), scheduler.ErrUnknownHost)
	_, err = w.s.Drain(w.ctx, scheduler.Drain{Host: "a", Device: "GPU-x", By: "root"})
	w.wantErr(err, scheduler.ErrUnknownDevice)
	h.take(nil)
}

func TestNoticesAndChanges(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 1)
	notices, err := w.s.Notices(w.ctx, "a")
	w.must(err)
	changes, err := w.s.Changes(w.ctx)
	w.must(err)
	w.must(w.s.Idle(w.ctx, "a", true))
	id := w.submit("ana")
	if c := <-changes; c.Job != id || c.State != scheduler.Queued {
		t.Fatalf("%+v", c)
	}
	<-notices
	w.must(w.s.Idle(w.ctx, "a", false))
	w.start(h.take(nil))
	_, _, err = w.s.Cancel(w.ctx, id, "ana")
	w.must(err)
	<-notices
}
