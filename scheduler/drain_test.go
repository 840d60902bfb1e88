package scheduler_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/sim"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// drained is a world whose time the test moves: a host with two devices, a
// job of ana's on each.
type drained struct {
	*world
	h    *host
	now  time.Time
	refs []scheduler.LeaseRef
}

func newDrained(t *testing.T) *drained {
	d := &drained{now: time.Unix(1_800_000_000, 0)}
	d.world = worldOn(t, sim.NewStore("store", func() time.Time { return d.now }), scheduler.DefaultTiming())
	d.h = d.host("a", 2)
	d.submit("ana")
	d.submit("ana")
	first := d.h.take(nil)
	second := d.h.take(map[string]bool{first.Job.Attempt().Devices[0]: true})
	d.refs = append(d.refs, d.start(first), d.start(second))
	return d
}

// keep is what each server does every second.
func (d *drained) keep() int {
	d.Helper()
	n, err := d.s.KeepDrains(d.ctx)
	d.must(err)
	return n
}

func (d *drained) closing(i int) scheduler.Closing {
	d.Helper()
	return d.attempt(d.refs[i].Job).Closing
}

func (d *drained) attempt(id scheduler.JobID) *scheduler.Attempt {
	d.Helper()
	j := d.job(id)
	return j.Attempt()
}

// events counts those of a kind.
func (d *drained) events(kind string) (n int) {
	d.Helper()
	events, err := d.s.Events(d.ctx, store.EntryID{}, 1000)
	d.must(err)
	for _, e := range events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

func TestDeadlineStopsWhatRuns(t *testing.T) {
	d := newDrained(t)
	at := d.drain(scheduler.Drain{Host: "a", By: "root: new driver", In: 2 * time.Hour})
	if want := d.now.Add(2 * time.Hour); !at.Equal(want) {
		t.Fatalf("the deadline is %v, want %v", at, want)
	}
	for range 2 { // told once, by however many servers
		if n := d.keep(); n != 0 {
			t.Fatalf("%d stopped before the deadline", n)
		}
	}
	want := scheduler.Closing{At: at, What: "a", By: "root: new driver", Then: "requeue"}
	if d.closing(0) != want || d.closing(1) != want || d.events("drain") != 2 {
		t.Fatalf("told %+v and %+v, %d events", d.closing(0), d.closing(1), d.events("drain"))
	}
	leases, err := d.s.Leases(d.ctx)
	d.must(err)
	if len(leases) != 2 || !leases[0].EndsBy.Equal(at) {
		t.Errorf("leases %+v", leases)
	}
	d.succeed(d.refs[1]) // in time
	d.now = d.now.Add(2*time.Hour - time.Microsecond)
	if n := d.keep(); n != 0 {
		t.Fatalf("%d stopped before the deadline", n)
	}
	d.now = d.now.Add(time.Microsecond)
	other := worldOn(t, d.st, scheduler.DefaultTiming()) // a server that was started since
	if n, err := other.s.KeepDrains(d.ctx); err != nil || n != 1 {
		t.Fatalf("%d stopped at the deadline, %v", n, err)
	}
	if n := d.keep(); n != 0 || d.events("cancel_requested") != 1 {
		t.Errorf("stopped twice: %d, %d events", n, d.events("cancel_requested"))
	}
	d.h.join(d.refs[:1], nil)
	answer := d.h.renew(d.refs[0]).Answers[0]
	if !answer.Cancel || answer.Then != "requeue" || answer.Why != "root: new driver (a is closed)" {
		t.Errorf("the agent hears %+v", answer)
	}
	d.must(d.s.Release(d.ctx, d.refs[0], answer.Why))
	j := d.wantState(d.refs[0].Job, scheduler.Queued)
	if !strings.Contains(j.Attempts[0].Cause, "root: new driver") {
		t.Errorf("the user reads %q", j.Attempts[0].Cause)
	}
	b := d.host("b", 1)
	d.succeed(d.start(b.take(nil)))
	d.clean()
}

// TestDeadlineOfADevice: the other device's job goes on; then says what becomes of the one that is stopped.
func TestDeadlineOfADevice(t *testing.T) {
	d := newDrained(t)
	uuid := d.attempt(1).Devices[0]
	d.drain(scheduler.Drain{Host: "a", Device: uuid, By: "root: fan", At: d.now.Add(time.Hour), Then: "cancel"})
	d.keep()
	if d.closing(0).What != uuid || !d.closing(1).At.IsZero() {
		t.Fatalf("told %+v and %+v", d.closing(0), d.closing(1))
	}
	d.now = d.now.Add(time.Hour)
	if n := d.keep(); n != 1 || d.job(2).CancelRequested {
		t.Fatalf("%d stopped, job 2: %+v", n, d.job(2))
	}
	d.h.join(d.refs, nil)
	d.finish(d.refs[0], scheduler.Finish{Outcome: scheduler.OutcomeCancelled})
	if j := d.wantState(1, scheduler.Cancelled); !strings.HasPrefix(j.Detail, "cancelled by root: fan") {
		t.Errorf("the user reads %q", j.Detail)
	}
	d.succeed(d.refs[1])
	d.clean()
}

// TestUnreadableDrain: what is wrong with one host does not keep others' deadlines.
func TestUnreadableDrain(t *testing.T) {
	d := newDrained(t)
	d.drain(scheduler.Drain{Host: "a", By: "root: new driver", In: time.Hour})
	d.now = d.now.Add(time.Hour)
	a, err := d.st.Read(d.ctx, store.Query{})
	d.must(err)
	_, err = d.st.Commit(d.ctx, store.Commit{Identity: a.Identity, Effects: []store.Effect{
		store.Put("agent:drain:B-before-a", []byte("no JSON")), store.Index("agent:closing", []byte("B-before-a")),
	}})
	d.must(err)
	if n, err := d.s.KeepDrains(d.ctx); n != 2 || err != nil {
		t.Errorf("%d stopped, %v", n, err)
	}
}

// TestDrainTakenBack: before the deadline by Undrain, or by a drain without one.
func TestDrainTakenBack(t *testing.T) {
	for name, back := range map[string]func(*drained){
		"undrain": func(d *drained) { d.must(d.s.Undrain(d.ctx, "a", "")) },
		"drain":   func(d *drained) { d.drain(scheduler.Drain{Host: "a", By: "root: later"}) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDrained(t)
			d.drain(scheduler.Drain{Host: "a", By: "root: new driver", In: time.Hour})
			d.keep()
			back(d)
			d.now = d.now.Add(2 * time.Hour)
			if n := d.keep(); n != 0 || d.job(1).CancelRequested {
				t.Fatalf("%d stopped", n)
			}
			if !d.closing(0).At.IsZero() || d.events("drain") != 4 {
				t.Errorf("not told: %+v, %d events", d.closing(0), d.events("drain"))
			}
			d.keep()
			if d.events("drain") != 4 {
				t.Errorf("told again: %d events", d.events("drain"))
			}
		})
	}
}

// TestEarlierDeadline: of a host and its device the earlier one counts, and it can be moved.
func TestEarlierDeadline(t *testing.T) {
	d := newDrained(t)
	uuid := d.attempt(1).Devices[0]
	late := d.drain(scheduler.Drain{Host: "a", By: "root: new driver", In: 2 * time.Hour})
	early := d.drain(scheduler.Drain{Host: "a", Device: uuid, By: "root: fan", In: time.Hour})
	d.keep()
	if !d.closing(0).At.Equal(early) || !d.closing(1).At.Equal(late) {
		t.Errorf("told %v and %v", d.closing(0), d.closing(1))
	}
	d.must(d.s.Undrain(d.ctx, "a", uuid))
	d.keep()
	if !d.closing(0).At.Equal(late) {
		t.Errorf("told %v", d.closing(0))
	}
}

func TestDrainRefusals(t *testing.T) {
	d := newDrained(t)
	for name, bad := range map[string]scheduler.Drain{
		"past":     {At: d.now.Add(-time.Minute)},
		"now":      {At: d.now},
		"negative": {In: -time.Second},
		"then":     {In: time.Hour, Then: "forget"},
	} {
		bad.Host, bad.By = "a", "root"
		if _, err := d.s.Drain(d.ctx, bad); !errors.Is(err, scheduler.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	hosts, err := d.s.Hosts(d.ctx)
	d.must(err)
	if hosts[0].Drained {
		t.Errorf("a refused drain closed it: %+v", hosts[0])
	}
}
