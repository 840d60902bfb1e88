package scheduler_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// functionsAre has a user have these functions, each "name" or "name@python".
func (w *world) functionsAre(user string, list ...scheduler.Function) {
	w.Helper()
	w.must(functionsAre(w, w.s, user, list))
}

func functionsAre(w *world, s *scheduler.Scheduler, user string, list []scheduler.Function) error {
	return s.ChangeFunctions(w.ctx, user, func([]scheduler.Function, time.Time, bool) ([]scheduler.Function, error) {
		return slices.Clone(list), nil
	})
}

func message(functions ...string) func(*scheduler.Submission) {
	return func(s *scheduler.Submission) { s.Message, s.Functions = true, functions }
}

var f311, g311, g312 = scheduler.Function{Name: "f", Python: "3.11"}, scheduler.Function{Name: "g", Python: "3.11"}, scheduler.Function{Name: "g", Python: "3.12"}

// brisk leaves an agent that the test plays, and that sends no heartbeats, its leases
// for longer than a busy machine may stand still; the loops still run 50 times a second.
func brisk() scheduler.Timing { return scheduler.DefaultTiming().Scale(50) }

// TestMessageWaitsForFunctions: from submit to queue, whatever is registered first.
func TestMessageWaitsForFunctions(t *testing.T) {
	w := newWorld(t, brisk()).running()
	h := w.host("a", 1)
	all, both, other := w.submit("ana", message()), w.submit("ana", message("g", "f")), w.submit("bob", message("f"))
	for id, awaits := range map[scheduler.JobID][]string{all: {scheduler.AnyFunction}, both: {"g", "f"}, other: {"f"}} {
		if j := w.wantState(id, scheduler.Scheduled); !slices.Equal(j.Awaits, awaits) {
			t.Errorf("job %d awaits %q, want %q", id, j.Awaits, awaits)
		}
	}
	w.clean()
	w.functionsAre("ana", f311)
	if j := w.wantState(all, scheduler.Queued); j.Class != "gpus=1 call=3.11" || len(j.Awaits) != 0 {
		t.Errorf("class %q, awaits %q", j.Class, j.Awaits)
	}
	if j := w.wantState(both, scheduler.Scheduled); !slices.Equal(j.Awaits, []string{"g"}) {
		t.Errorf("awaits %q", j.Awaits)
	}
	w.functionsAre("ana", f311, g311)
	w.wantState(both, scheduler.Queued)
	w.wantState(other, scheduler.Scheduled)
	w.clean()
	w.succeed(w.start(h.take(nil)))
	w.succeed(w.start(h.take(nil)))
	w.wantState(all, scheduler.Succeeded)
	w.wantState(both, scheduler.Succeeded)
	w.clean()
}

// TestFunctionIsRemoved: a lease that is given back for want of a function costs
// the job nothing, and is told of once.
func TestFunctionIsRemoved(t *testing.T) {
	w := newWorld(t, brisk()).running()
	h := w.host("a", 1)
	w.functionsAre("ana", f311, g311)
	id := w.submit("ana", message("g"))
	won := h.take(nil)
	ref := scheduler.LeaseRef{Job: id, Fence: won.Fence}
	w.functionsAre("ana", f311)
	w.wantErr(w.s.Await(w.ctx, ref, []string{"f"}), scheduler.ErrInvalid)
	w.wantErr(w.s.Await(w.ctx, ref, nil), scheduler.ErrInvalid)
	w.must(w.s.Await(w.ctx, ref, []string{"g"}))
	w.must(w.s.Await(w.ctx, ref, []string{"g"})) // its answer was lost
	w.until("a server has looked", func() bool { return w.job(id).NotBefore.IsZero() })
	j := w.wantState(id, scheduler.Scheduled)
	if a := j.Attempt(); !slices.Equal(j.Awaits, []string{"g"}) || j.Releases != 0 || len(j.Avoid) != 0 ||
		a.Outcome != scheduler.OutcomeReleased || a.Cause != "function g is not registered" {
		t.Errorf("%+v", j)
	}
	w.clean()
	w.functionsAre("ana", f311, g311)
	w.wantState(id, scheduler.Queued)
	ref = w.start(h.take(nil)) // the same host, at once
	w.succeed(ref)
	w.wantErr(w.s.Await(w.ctx, ref, []string{"g"}), scheduler.ErrStale)
	w.clean()
}

// TestAwaitMeetsACancel: it is cancelled, and does not wait.
func TestAwaitMeetsACancel(t *testing.T) {
	w := newWorld(t, brisk()).running()
	h := w.host("a", 1)
	w.functionsAre("ana", f311)
	id := w.submit("ana", message())
	won := h.take(nil)
	_, _, err := w.s.Cancel(w.ctx, id, "ana")
	w.must(err)
	w.wantErr(w.s.Await(w.ctx, scheduler.LeaseRef{Job: id, Fence: won.Fence}, []string{"f"}), scheduler.ErrInvalid) // it names none
	w.must(w.s.Await(w.ctx, scheduler.LeaseRef{Job: id, Fence: won.Fence}, []string{scheduler.AnyFunction}))
	w.wantState(id, scheduler.Cancelled)
	waits := w.submit("bob", message())
	_, _, err = w.s.Cancel(w.ctx, waits, "bob")
	w.must(err)
	w.wantState(waits, scheduler.Cancelled)
	w.functionsAre("bob", f311)
	w.wantState(waits, scheduler.Cancelled)
	w.clean()
}

// TestFunctionsAndTime: what waits for a function as well as for a time or another
// job is queued when both are there.
func TestFunctionsAndTime(t *testing.T) {
	w := newWorld(t, brisk()).running()
	h := w.host("a", 1)
	now, err := w.s.Now(w.ctx)
	w.must(err)
	at := func(d time.Duration) func(*scheduler.Submission) {
		return func(s *scheduler.Submission) { s.Request.RunAt = now.Add(d) }
	}
	late := w.submit("ana", message("f"), at(time.Hour))
	soon := w.submit("ana", message("f"), at(20*time.Millisecond))
	parent := w.submit("ana")
	child := w.submit("ana", message("f"), func(s *scheduler.Submission) { s.Request.After = []scheduler.JobID{parent} })
	w.until("the time has come", func() bool { return w.job(soon).NotBefore.IsZero() })
	w.wantState(soon, scheduler.Scheduled)
	w.functionsAre("ana", f311)
	w.wantState(soon, scheduler.Queued)
	for _, id := range []scheduler.JobID{late, child} {
		if j := w.wantState(id, scheduler.Scheduled); len(j.Awaits) != 0 {
			t.Errorf("job %d awaits %q", id, j.Awaits)
		}
	}
	for w.job(parent).State != scheduler.Succeeded {
		w.succeed(w.start(h.take(nil)))
	}
	w.until("the child is queued", func() bool { return w.job(child).State != scheduler.Scheduled })
	w.clean()
}

// TestFunctionsOfTwoPythons: refused at the submit, and later the end of the job.
func TestFunctionsOfTwoPythons(t *testing.T) {
	w := newWorld(t, brisk())
	w.host("a", 1)
	waits := w.submit("ana", message("f", "g"))
	w.functionsAre("ana", f311, g312)
	if j := w.wantState(waits, scheduler.Failed); j.Reason != scheduler.ReasonRejected || j.Detail != "functions: f was registered from Python 3.11 and g from 3.12; register them again from one" {
		t.Errorf("%s: %s", j.Reason, j.Detail)
	}
	_, err := w.submitN("ana", 1, message())
	var field *scheduler.FieldError
	if !errors.As(err, &field) || field.Field != "functions" {
		t.Errorf("got %v", err)
	}
	w.submit("ana", message("f"))
	w.clean()
}

// TestAnotherServerRegisters: a server that remembers other functions decides again.
func TestAnotherServerRegisters(t *testing.T) {
	w := newWorld(t, brisk())
	other, err := scheduler.New(w.st, scheduler.Options{Timing: brisk()})
	w.must(err)
	w.host("a", 1)
	w.functionsAre("ana", f311)
	w.must(functionsAre(w, other, "ana", []scheduler.Function{{Name: "f"}}))
	if j := w.wantState(w.submit("ana", message("f")), scheduler.Queued); j.Class != "gpus=1" {
		t.Errorf("class %q", j.Class)
	}
	w.must(functionsAre(w, other, "ana", nil))
	w.wantState(w.submit("ana", message("f")), scheduler.Scheduled)
	w.must(functionsAre(w, other, "ana", []scheduler.Function{f311}))
	n, err := w.s.JobCount(w.ctx)
	w.must(err)
	if n[scheduler.Queued] != 2 {
		t.Errorf("%v", n)
	}
	w.clean()
}

// TestManyMessagesWait: more than are moved at once; the loops move the others.
func TestManyMessagesWait(t *testing.T) {
	w := newWorld(t, brisk())
	for i := range 4 {
		_, err := w.submitN("ana", 200, message("f"))
		w.must(err)
		w.submit(fmt.Sprint("user-", i))
	}
	w.functionsAre("ana", scheduler.Function{Name: "f"})
	w.running()
	w.until("all are queued", func() bool {
		n, err := w.s.JobCount(w.ctx)
		return err == nil && n[scheduler.Queued] == 804
	})
	w.clean()
}

// TestRankOfAnotherClass: a message comes into a class with a rank of that class; one of
// the class that it would have had puts it behind all who come later.
func TestRankOfAnotherClass(t *testing.T) {
	w := newWorld(t, brisk())
	_, err := w.submitN("ana", 50)
	w.must(err)
	id := w.submit("ana", message("f"))
	w.functionsAre("ana", f311)
	if j := w.wantState(id, scheduler.Queued); j.Rank != 0 || j.Class != "gpus=1 call=3.11" {
		t.Errorf("rank %d in class %s", j.Rank, j.Class)
	}
	w.clean()
}

// TestRequeuedMessage: what is registered by then decides.
func TestRequeuedMessage(t *testing.T) {
	w := newWorld(t, brisk())
	h := w.host("a", 1)
	w.functionsAre("ana", scheduler.Function{Name: "f"})
	id := w.submit("ana", message())
	w.finish(w.start(h.take(nil)), scheduler.Finish{Outcome: scheduler.OutcomeFailed, Reason: scheduler.ReasonError})
	w.functionsAre("ana", f311)
	again, err := w.s.Requeue(w.ctx, scheduler.Who{User: "ana"}, id)
	w.must(err)
	if j := w.wantState(again, scheduler.Queued); j.Class != "gpus=1 call=3.11" || !j.Message {
		t.Errorf("%+v", j)
	}
	w.clean()
}
