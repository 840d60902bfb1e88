package scheduler_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// TestDamagedRecordsOfAHost: one that its agent writes by itself is there again once that was heard of,
// with the jobs that run; the host's other jobs, other hosts and all users notice nothing.
func TestDamagedRecordsOfAHost(t *testing.T) {
	for _, what := range []string{"beat", "epoch", "inventory"} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, scheduler.Timing{})
			log := w.logged()
			h, other := w.host("h1", 2), w.host("h2", 1)
			w.submit("ana")
			ref := w.start(h.take(nil))
			key := "agent:" + what + ":h1"
			w.forge(key, []byte(`{"e":17`))

			hosts, err := w.s.Hosts(w.ctx)
			w.must(err)
			if len(hosts) != 2 || hosts[0].Host != "h1" || len(hosts[1].Devices) != 1 {
				t.Fatalf("the hosts are %+v", hosts)
			}
			w.submit("ana")
			w.succeed(w.start(other.take(nil)))

			_, err = w.s.Renew(w.ctx, "h1", h.epoch, []scheduler.LeaseRef{ref})
			if what == "epoch" {
				w.wantErr(err, scheduler.ErrRejoin)
				if j := h.join([]scheduler.LeaseRef{ref}, nil); len(j.Adopt) != 1 || len(j.Kill) != 0 {
					t.Errorf("it joined again with %+v", j)
				}
			} else {
				w.must(err)
			}
			w.must(w.s.Report(w.ctx, "h1", h.epoch, h.inv))
			w.succeed(ref)
			w.submit("ana")
			w.succeed(w.start(h.take(nil)))
			if string(w.record(key)) == `{"e":17` || strings.Count(log.String(), key) != 1 {
				t.Errorf("it is %s; the log:\n%s", w.record(key), log)
			}
			report, err := w.s.Check(w.ctx)
			if err != nil || len(report.Repairs) != 0 {
				t.Errorf("the check: %v, %q", err, report.Repairs)
			}
		})
	}
}

// reapSilent has a server look on until everybody is silent who is not heard of meanwhile.
func (w *world) reapSilent() {
	w.Helper()
	var r scheduler.Reaper
	timing := scheduler.DefaultTiming()
	for mono := time.Duration(0); mono <= timing.Expire+timing.ReapEvery; mono += timing.Expire / 4 {
		_, err := w.s.Reap(w.ctx, &r, func() time.Duration { return mono })
		w.must(err)
	}
}

// TestDamagedHeartbeatOfADeadHost: its leases end, and those of others.
func TestDamagedHeartbeatOfADeadHost(t *testing.T) {
	w := newWorld(t, scheduler.Timing{})
	var ids []scheduler.JobID
	for _, name := range []string{"h1", "h2"} {
		ids = append(ids, w.submit("ana"))
		w.start(w.host(name, 1).take(nil))
	}
	w.forge("agent:beat:h1", []byte("broken"))
	w.forge("agent:epoch:h1", []byte("broken"))
	w.reapSilent()
	for _, id := range ids {
		w.wantState(id, scheduler.Queued)
	}
	w.must(w.s.ForgetHost(w.ctx, "h1"))
}

// TestDamagedDrain: a host of which it is not known any more what is closed takes nothing, until an
// admin has opened it.
func TestDamagedDrain(t *testing.T) {
	w := newWorld(t, scheduler.Timing{})
	h, other := w.host("h1", 1), w.host("h2", 1)
	w.drain(scheduler.Drain{Host: "h1", Device: h.inv.Devices[0].UUID, By: "root: fan"})
	w.submit("ana")
	choice := other.choose(nil)
	w.forge("agent:drain:h1", []byte("broken"))
	hosts, err := w.s.Hosts(w.ctx)
	w.must(err)
	if !hosts[0].Drained || !strings.Contains(hosts[0].DrainedBy, "damaged in the store") || hosts[1].Drained {
		t.Errorf("the hosts are %+v", hosts)
	}
	if c := h.choose(nil); c.Kind != scheduler.ChoiceNone {
		t.Errorf("it may take %+v", c)
	}
	choice.Devices = []string{h.inv.Devices[0].UUID}
	_, err = h.claim(choice)
	w.wantErr(err, scheduler.ErrBusy)
	w.must(w.s.Undrain(w.ctx, "h1", ""))
	w.succeed(w.start(h.take(nil)))
}
