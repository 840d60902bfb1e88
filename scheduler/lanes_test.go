package scheduler_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

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
