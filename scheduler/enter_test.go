package scheduler_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// TestConsumerTakes: a consumer gets its user's messages for its functions, hosts
// get none of them, and neither the limit of devices nor the usage of them counts it.
func TestConsumerTakes(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("node1", 1)
	w.limit("ana", 1)
	c := w.consumer(someConsumer, "ana", "f")
	w.message("bob", "f")
	w.message("ana", "g")
	id := w.message("ana", "f")
	if got := h.choose(nil); got.Kind == scheduler.ChoiceRun {
		t.Errorf("a host takes %+v", got)
	}
	w.submit("ana") // one device is what ana may hold
	w.start(h.take(nil))
	won := c.take()
	if won.Job.ID != id || won.Job.Attempt().Host != c.Host() {
		t.Fatalf("took %+v", won.Job)
	}
	loads, err := w.s.Loads(w.ctx, []string{"ana"})
	w.must(err)
	if loads[0].Held != 1 {
		t.Errorf("ana holds %d devices", loads[0].Held)
	}
	if got := c.enter().Holds; !slices.Equal(got, []scheduler.JobID{id}) {
		t.Errorf("holds %v", got)
	}
	w.succeed(w.start(won))
	w.wantState(id, scheduler.Succeeded)
	usage, err := w.s.Usage(w.ctx, time.Now())
	w.must(err)
	if _, listed := usage.Hosts[c.Host()]; listed || usage.Users["ana"].Attempts != 2 || len(usage.Devices) != 1 {
		t.Errorf("usage %+v", usage)
	}
	if r, err := w.s.Check(w.ctx); err != nil || len(r.Repairs) > 0 {
		t.Errorf("check %+v, %v", r, err)
	}
}

// TestConsumerIsNoHost: it is in no list of hosts and no job can be placed on it; its lease is listed.
func TestConsumerIsNoHost(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	c := w.consumer(someConsumer, "ana", "f")
	w.message("ana", "f")
	w.start(c.take())
	hosts, err := w.s.Hosts(w.ctx)
	w.must(err)
	if len(hosts) != 0 {
		t.Errorf("hosts %+v", hosts)
	}
	leases, err := w.s.Leases(w.ctx)
	w.must(err)
	if len(leases) != 1 || leases[0].Host != c.Host() || leases[0].User != "ana" || leases[0].LeaseUntil.IsZero() {
		t.Errorf("leases %+v", leases)
	}
	counts, err := w.s.JobCount(w.ctx)
	w.must(err)
	if counts[scheduler.Running] != 1 {
		t.Errorf("counts %v", counts)
	}
	_, err = w.s.Claim(w.ctx, scheduler.ClaimRequest{
		Host: c.Host(), Epoch: c.Epoch, Job: w.submit("ana"), Devices: []string{c.Host()}, ClaimID: "claim-x",
	})
	w.wantErr(err, scheduler.ErrInvalid)
}

// TestConsumerOfAnother: an id belongs to the user who came with it first.
func TestConsumerOfAnother(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	w.consumer(someConsumer, "ana", "f")
	_, err := w.s.Enter(w.ctx, scheduler.Consumer{ID: someConsumer, User: "bob", Serves: []string{"f"}})
	w.wantErr(err, scheduler.ErrForbidden)
}

func TestTooManyConsumers(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	for i := range 128 {
		w.consumer(fmt.Sprintf("%016x", i), "ana", "f")
	}
	_, err := w.s.Enter(w.ctx, scheduler.Consumer{ID: someConsumer, User: "ana"})
	w.wantErr(err, scheduler.ErrQuota)
	w.consumer(otherConsumer, "bob", "f")
	w.consumer(fmt.Sprintf("%016x", 5), "ana", "f", "g") // one that is known
}

// TestSilentConsumer: its message runs again, at another, and nothing of it is left.
func TestSilentConsumer(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming().Scale(300)).running()
	c := w.consumer(someConsumer, "ana", "f")
	id := w.message("ana", "f")
	first := w.start(c.take())
	w.until("its lease has ended", func() bool { return w.job(id).State == scheduler.Queued })
	w.until("it is forgotten", func() bool {
		all, err := w.s.Consumers(w.ctx, "")
		w.must(err)
		return len(all) == 0
	})
	other := w.consumer(otherConsumer, "ana", "f")
	won := other.take()
	if won.Job.ID != id || won.Job.Losses != 1 {
		t.Errorf("took %+v", won.Job)
	}
	_, err := w.s.Finish(w.ctx, first, scheduler.Finish{Outcome: scheduler.OutcomeSucceeded})
	w.wantErr(err, scheduler.ErrStale)
	if again := c.enter(); again.Epoch <= 1 || len(again.Holds) != 0 {
		t.Errorf("it came back as %+v", again)
	}
}

// TestTakeIsNoRenewal: one that takes while it has a lease lost the answer to its claim.
// That is no sign of life, so the lease ends.
func TestTakeIsNoRenewal(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming().Scale(300)).running()
	c := w.consumer(someConsumer, "ana", "f")
	id := w.message("ana", "f")
	w.start(c.take())
	w.until("its lease has ended", func() bool {
		c.enter()
		return w.job(id).State == scheduler.Queued
	})
}

// TestEndConsumer: what it had is lost at once where its process is known to be gone.
func TestEndConsumer(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	c := w.consumer(someConsumer, "ana", "f")
	id := w.message("ana", "f")
	w.start(c.take())
	w.must(w.s.EndConsumer(w.ctx, c.ID, "its job ended"))
	w.must(w.s.Promote(w.ctx))
	if j := w.wantState(id, scheduler.Queued); j.Attempt().Cause == "" {
		t.Errorf("attempt %+v", j.Attempt())
	}
	_, err := w.s.ConsumerByID(w.ctx, c.ID)
	w.wantErr(err, scheduler.ErrNotFound)
	w.must(w.s.EndConsumer(w.ctx, c.ID, "again"))
}

// TestConsumerIsWoken: a message that waits wakes the consumers of its user.
func TestConsumerIsWoken(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	w.register("ana", local("f")...) // which wakes them, too
	changes, err := w.s.Changes(w.ctx)
	w.must(err)
	w.submit("bob")
	w.submit("ana", func(s *scheduler.Submission) { s.Message, s.Functions = true, []string{"f"} })
	timeout := time.After(10 * time.Second)
	for {
		select {
		case c := <-changes:
			if c.Consumers == "ana" {
				return
			}
			if c.Consumers != "" {
				t.Fatalf("woke %q", c.Consumers)
			}
		case <-timeout:
			t.Fatal("nobody was woken")
		}
	}
}

// TestConsumedWaiting: each kind of waiting messages is told once.
func TestConsumedWaiting(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	w.submit("ana")
	w.message("ana", "f")
	w.message("ana", "f")
	w.message("bob", "g", "f")
	all, err := w.s.ConsumedWaiting(w.ctx)
	w.must(err)
	if got := fmt.Sprint(all); got != "[{ana [f]} {bob [f g]}]" {
		t.Errorf("waiting %s", got)
	}
}
