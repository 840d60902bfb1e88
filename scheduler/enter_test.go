package scheduler_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// consumer is a process that takes messages, played by the test.
type consumer struct {
	*world
	scheduler.Consumer
}

func (w *world) consumer(id, user string, serves ...string) *consumer {
	w.Helper()
	c := &consumer{w, scheduler.Consumer{ID: id, User: user, Serves: serves}}
	c.enter()
	return c
}

func (c *consumer) enter() scheduler.Entered {
	c.Helper()
	e, err := c.s.Enter(c.ctx, c.Consumer)
	c.must(err)
	c.Epoch = e.Epoch
	return e
}

func (c *consumer) choose() scheduler.Choice {
	c.Helper()
	o := scheduler.Offer{
		Host: c.Host(), Consumer: c.User, Serves: c.Serves,
		Devices: []scheduler.OfferedDevice{{Device: gpu.Device{UUID: c.Host(), Kind: gpu.KindConsumer}, Free: true}},
	}
	v, err := c.s.View(c.ctx, o, 0)
	c.must(err)
	return scheduler.Pick(v, o, v.Now, 0)
}

func (c *consumer) take() scheduler.Claimed {
	c.Helper()
	choice := c.choose()
	if choice.Kind != scheduler.ChoiceRun {
		c.Fatalf("nothing to take: %+v", choice)
	}
	c.n++
	won, err := c.s.Claim(c.ctx, scheduler.ClaimRequest{
		Host: c.Host(), Epoch: c.Epoch, Job: choice.Job, User: choice.User, Devices: choice.Devices, ClaimID: fmt.Sprintf("claim-%d", c.n),
	})
	c.must(err)
	return won
}

// message submits one for the consumers of its user, who has registered the functions as local.
func (w *world) message(user string, functions ...string) scheduler.JobID {
	w.Helper()
	w.register(user, local(functions...)...)
	return w.submit(user, func(s *scheduler.Submission) { s.Message, s.Functions = true, functions })
}

func local(names ...string) (list []scheduler.Function) {
	for _, name := range names {
		list = append(list, scheduler.Function{Name: name, Form: scheduler.FormLocal})
	}
	return list
}

// register adds functions, or puts them in the place of others of their names.
func (w *world) register(user string, functions ...scheduler.Function) {
	w.Helper()
	w.must(w.s.ChangeFunctions(w.ctx, user, func(list []scheduler.Function, _ time.Time, _ bool) ([]scheduler.Function, error) {
		for _, f := range functions {
			list = slices.DeleteFunc(list, func(known scheduler.Function) bool { return known.Name == f.Name })
			list = append(list, f)
		}
		return list, nil
	}))
}

const someConsumer, otherConsumer = "00000000000000aa", "00000000000000bb"

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

// TestLanes: where a message goes follows from what is registered, also while it waits.
func TestLanes(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("node1", 2)
	w.limit("ana", 8)
	pickle := scheduler.Function{Name: "f", SHA256: "aa", Python: "3.11"}
	two := 2
	post := func(change ...func(*scheduler.Submission)) scheduler.JobID {
		return w.submit("ana", append(change, func(s *scheduler.Submission) {
			s.Message, s.Functions, s.Request.GPUs, s.Request.GPUMem = true, []string{"f"}, &two, 10<<30
		})...)
	}
	for _, step := range []struct {
		name     string
		register []scheduler.Function
		consumed bool
		awaits   string
		class    string
		devices  int
	}{
		{"it is not registered", nil, false, "f", "gpus=2 mem=10", 2},
		{"a pickle", []scheduler.Function{pickle}, false, "", "gpus=2 mem=10 call=3.11", 2},
	} {
		w.register("ana", step.register...)
		id := post()
		j := w.job(id)
		if j.Consumed() != step.consumed || fmt.Sprint(j.Awaits) != "["+step.awaits+"]" || j.Class != step.class || j.Devices != step.devices {
			t.Errorf("%s: %+v", step.name, j)
		}
	}
	w.register("ana", local("f")...)
	waits := post()
	if j := w.job(waits); j.State != scheduler.Queued || j.Class != "gpus=1 consumer=ana function=f" || j.Devices != 1 {
		t.Fatalf("a local function: %+v", j)
	}
	// It becomes a pickle: hosts run it, with what it asked for.
	w.register("ana", pickle)
	if j := w.job(waits); j.State != scheduler.Queued || j.Consumed() || j.Class != "gpus=2 mem=10 call=3.11" || j.Devices != 2 {
		t.Errorf("a pickle again: %s %q for %d", j.State, j.Class, j.Devices)
	}
	w.register("ana", scheduler.Function{Name: "f", Keep: true, SHA256: "aa"})
	kept := post()
	if j := w.job(kept); !j.Consumed() {
		t.Errorf("a kept function: %q", j.Class)
	}
	w.must(w.s.ChangeFunctions(w.ctx, "ana", func([]scheduler.Function, time.Time, bool) ([]scheduler.Function, error) { return nil, nil }))
	if j := w.job(kept); j.State != scheduler.Scheduled || fmt.Sprint(j.Awaits) != "[f]" {
		t.Errorf("removed: %+v", j)
	}
	w.clean()
	_ = h
}

// TestLaneAfterAnAttempt: a message that comes back when its function is nobody's process
// any more goes to hosts, whatever ended its attempt; and so does one that waited for
// another job meanwhile.
func TestLaneAfterAnAttempt(t *testing.T) {
	for name, end := range map[string]func(*consumer, scheduler.LeaseRef){
		"given back": func(c *consumer, ref scheduler.LeaseRef) { c.must(c.s.Release(c.ctx, ref, "stopped")) },
		"lost":       func(c *consumer, _ scheduler.LeaseRef) { c.must(c.s.EndConsumer(c.ctx, c.ID, "it is dead")) },
		"revoked": func(c *consumer, ref scheduler.LeaseRef) {
			_, _, err := c.s.Revoke(c.ctx, ref.Job, "requeue", "admin")
			c.must(err)
			c.finish(ref, scheduler.Finish{Outcome: scheduler.OutcomeCancelled})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, scheduler.DefaultTiming())
			h := w.host("node1", 1)
			c := w.consumer(someConsumer, "ana", "f")
			id := w.message("ana", "f")
			follows := w.submit("ana", message("f"), func(s *scheduler.Submission) { s.Request.After = []scheduler.JobID{id} })
			ref := w.start(c.take())
			w.register("ana", scheduler.Function{Name: "f", SHA256: "aa"})
			w.must(w.s.Promote(w.ctx)) // nothing of hers waits in a wrong queue
			end(c, ref)
			w.must(w.s.Promote(w.ctx))
			won := h.take(nil)
			if won.Job.ID != id {
				t.Fatalf("took %+v", won.Job)
			}
			w.succeed(w.start(won))
			w.must(w.s.Promote(w.ctx))
			if won = h.take(nil); won.Job.ID != follows {
				t.Errorf("took %+v", won.Job)
			}
			w.clean()
		})
	}
}

// TestLaneBehindOthers: a message in the index that many classes share is found behind
// more jobs than a view looks at.
func TestLaneBehindOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scheduler.DefaultTiming())
	for i := range 600 {
		w.submit("bob", func(s *scheduler.Submission) { s.Request.Labels = map[string]string{"n": fmt.Sprint(i)} })
	}
	id := w.message("ana", "f")
	if j := w.job(id); !j.Shared {
		t.Fatalf("it has an index of its own: %+v", j)
	}
	if all, err := w.s.ConsumedWaiting(w.ctx); err != nil || len(all) != 1 {
		t.Errorf("waiting: %v, %v", all, err)
	}
	w.register("ana", scheduler.Function{Name: "f", SHA256: "aa"})
	if j := w.job(id); j.Consumed() || j.State != scheduler.Queued {
		t.Errorf("a pickle: %s %q", j.State, j.Class)
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
