package scheduler_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/sim"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// callbacks is a world whose clock the test moves.
type callbacks struct {
	*world
	now time.Time
}

func newCallbacks(t *testing.T) *callbacks {
	c := &callbacks{now: time.Unix(1_800_000_000, 0)}
	c.world = worldOn(t, sim.NewStore("store", func() time.Time { return c.now }), scheduler.DefaultTiming())
	return c
}

func withCallback(s *scheduler.Submission) { s.Callback = "http://app.example.org/done" }

// ended submits a job with a callback and cancels it.
func (c *callbacks) ended(change ...func(*scheduler.Submission)) scheduler.JobID {
	c.Helper()
	id := c.submit("ana", append(change, withCallback)...)
	_, _, err := c.s.Cancel(c.ctx, id, "ana")
	c.must(err)
	return id
}

// due are the ids of the callbacks that can be sent now.
func (c *callbacks) due() (ids []scheduler.JobID) {
	c.Helper()
	due, _, err := c.s.DueCallbacks(c.ctx, nil, 100)
	c.must(err)
	for _, d := range due {
		if d.User != "ana" {
			c.Fatalf("of user %q", d.User)
		}
		ids = append(ids, d.Job)
	}
	return ids
}

func (c *callbacks) wantDue(want ...scheduler.JobID) {
	c.Helper()
	if got := c.due(); fmt.Sprint(got) != fmt.Sprint(want) {
		c.Fatalf("due are %v, want %v", got, want)
	}
}

func (c *callbacks) take(id scheduler.JobID) scheduler.Job {
	c.Helper()
	job, ok, err := c.s.TakeCallback(c.ctx, id)
	c.must(err)
	if !ok {
		c.Fatalf("the callback of job %d cannot be taken: %+v", id, c.job(id).Callback)
	}
	return job
}

func (c *callbacks) wantTaken(id scheduler.JobID) {
	c.Helper()
	if _, ok, err := c.s.TakeCallback(c.ctx, id); err != nil || ok {
		c.Fatalf("the callback of job %d could be taken (%v)", id, err)
	}
}

func (c *callbacks) end(id scheduler.JobID, taken int, try scheduler.CallbackTry) scheduler.Callback {
	c.Helper()
	after, err := c.s.EndCallback(c.ctx, id, taken, try)
	c.must(err)
	return after
}

var refused = scheduler.CallbackTry{Text: "it answered 500"}

func TestCallbackIsTriedThreeTimes(t *testing.T) {
	c := newCallbacks(t)
	c.submit("ana", withCallback) // waits: nobody is told yet
	id := c.ended()
	for n, pause := range []time.Duration{15 * time.Second, 30 * time.Second} {
		c.wantDue(id)
		taken := c.take(id).Callback.Taken
		c.wantDue()
		c.wantTaken(id)
		after := c.end(id, taken, refused)
		if len(after.Tries) != n+1 || after.State != "" || after.Held || !after.Next.Equal(c.now.Add(pause)) {
			t.Fatalf("after try %d: %+v", n+1, after)
		}
		if again := c.end(id, taken, refused); !cmp.Equal(again, after) {
			t.Fatalf("recorded twice: %+v", again)
		}
		c.now = c.now.Add(pause - time.Second)
		c.wantDue()
		c.wantTaken(id)
		c.now = c.now.Add(time.Second)
	}
	c.wantDue(id)
	after := c.end(id, c.take(id).Callback.Taken, refused)
	if after.State != scheduler.CallbackFailed || len(after.Tries) != 3 || after.Tries[2].Text != "it answered 500" {
		t.Fatalf("at the end: %+v", after)
	}
	c.now = c.now.Add(time.Hour)
	c.wantDue()
	c.wantTaken(id)
	c.wantEvents(id, "try 1 of 3: it answered 500; again in 15s", "try 2 of 3: it answered 500; again in 30s", "try 3 of 3: it answered 500; given up")
	c.clean()
}

// wantEvents are the texts of a job's events of the kind callback.
func (c *callbacks) wantEvents(id scheduler.JobID, want ...string) {
	c.Helper()
	events, err := c.s.Events(c.ctx, store.EntryID{}, 1000)
	c.must(err)
	var got []string
	for _, e := range events {
		if e.Job == id && e.Kind == "callback" {
			got = append(got, e.Text)
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		c.Fatalf("events are %q, want %q", got, want)
	}
}

// TestCallbackOfADeadServer: who took it and died does not keep it, and what
// it says too late changes nothing.
func TestCallbackOfADeadServer(t *testing.T) {
	c := newCallbacks(t)
	id := c.ended()
	late := c.take(id).Callback.Taken
	c.now = c.now.Add(14 * time.Second)
	c.wantTaken(id)
	c.now = c.now.Add(time.Second)
	second := c.take(id).Callback.Taken
	if after := c.end(id, late, refused); len(after.Tries) != 0 || !after.Held {
		t.Fatalf("somebody who is too late recorded a try: %+v", after)
	}
	if after := c.end(id, second, scheduler.CallbackTry{Unsent: true}); len(after.Tries) != 0 || after.Held {
		t.Fatalf("a server that stops before it sends: %+v", after)
	}
	third := c.take(id).Callback.Taken // at once
	after := c.end(id, third, scheduler.CallbackTry{Delivered: true, Text: "it answered 204"})
	if after.State != scheduler.CallbackDelivered || len(after.Tries) != 1 {
		t.Fatalf("delivered: %+v", after)
	}
	if after := c.end(id, third, refused); after.State != scheduler.CallbackDelivered {
		t.Fatalf("after the end: %+v", after)
	}
	c.wantEvents(id, "try 1 of 3: it answered 204")
	c.clean()
}

// TestCallbackThatKillsServers: it is not taken for ever.
func TestCallbackThatKillsServers(t *testing.T) {
	c := newCallbacks(t)
	id := c.ended()
	for range 10 {
		c.take(id)
		c.now = c.now.Add(15 * time.Second)
	}
	c.wantDue(id)
	c.wantTaken(id)
	if cb := c.job(id).Callback; cb.State != scheduler.CallbackFailed || !strings.Contains(cb.Why, "10 servers") {
		t.Fatalf("after ten servers: %+v", cb)
	}
	c.wantDue()
	c.clean()
}

// TestCallbackBeforeThePurge: result_ttl forgets no callback, an order to forget does.
func TestCallbackBeforeThePurge(t *testing.T) {
	c := newCallbacks(t)
	id := c.ended(func(s *scheduler.Submission) { s.Request.ResultTTL = time.Second })
	c.now = c.now.Add(time.Hour)
	c.must(c.s.PromoteOnce(c.ctx))
	c.end(id, c.take(id).Callback.Taken, scheduler.CallbackTry{Delivered: true, Text: "it answered 200"})
	c.clean()
	c.must(c.s.PromoteOnce(c.ctx))
	_, err := c.s.Job(c.ctx, id)
	c.wantErr(err, scheduler.ErrNotFound)
	other := c.ended()
	_, _, err = c.s.Forget(c.ctx, scheduler.Who{User: "ana"}, other, c.now.Add(time.Hour))
	c.must(err)
	c.wantDue()
	c.wantTaken(other)
	if _, err := c.s.EndCallback(c.ctx, other, 1, refused); err != nil {
		t.Errorf("of a job that is gone: %v", err)
	}
	c.clean()
}

// TestCallbackOfARequeuedJob: the new job tells of its own end.
func TestCallbackOfARequeuedJob(t *testing.T) {
	c := newCallbacks(t)
	id := c.ended()
	c.end(id, c.take(id).Callback.Taken, scheduler.CallbackTry{Delivered: true, Text: "it answered 200"})
	again, err := c.s.Requeue(c.ctx, scheduler.Who{User: "ana"}, id)
	c.must(err)
	if cb := c.job(again).Callback; !cmp.Equal(cb, scheduler.Callback{URL: "http://app.example.org/done"}) {
		t.Fatalf("of the new job: %+v", cb)
	}
	c.wantDue()
	c.clean()
}

// TestCallbackIsTakenOnce: of many servers at the same moment one has it.
func TestCallbackIsTakenOnce(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	for range 20 {
		id := w.submit("ana", withCallback)
		_, _, err := w.s.Cancel(w.ctx, id, "ana")
		w.must(err)
		var won atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				_, ok, err := w.s.TakeCallback(w.ctx, id)
				if ok {
					won.Add(1)
				}
				if err != nil && !errors.Is(err, scheduler.ErrConflictRepeat) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d servers have the callback of job %d", won.Load(), id)
		}
	}
	w.clean()
}

// TestDueCallbacksByPage: more than one page, the longest waiting first.
func TestDueCallbacksByPage(t *testing.T) {
	c := newCallbacks(t)
	var want, got []scheduler.JobID
	for range 7 {
		want = append(want, c.ended())
		c.now = c.now.Add(time.Millisecond)
	}
	var after []byte
	for {
		due, next, err := c.s.DueCallbacks(c.ctx, after, 3)
		c.must(err)
		for _, d := range due {
			got = append(got, d.Job)
		}
		if after = next; after == nil {
			break
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("due are %v, want %v", got, want)
	}
}
