package scheduler_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

// limit sets how many devices a user may hold; 0: any number.
func (w *world) limit(user string, devices int) {
	w.Helper()
	w.change(scheduler.KeepLimits(user, scheduler.Limits{MaxDevices: devices}))
}

func priority(n int) func(*scheduler.Submission) {
	return func(s *scheduler.Submission) { s.Request.Priority = n }
}

// TestALimitHoldsForJobsThatWait, up and down, over all hosts; what runs goes on.
func TestALimitHoldsForJobsThatWait(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	a, b := w.host("a", 4), w.host("b", 4)
	_, err := w.submitN("ana", 10)
	w.must(err)
	w.limit("ana", 2)
	first, second := a.take(nil), b.take(nil)
	if c := a.choose(busyDevices(first)); c.Kind != scheduler.ChoiceNone || !strings.Contains(c.Reason, "ana holds 2 of at most 2 devices") {
		t.Errorf("at the limit: %+v", c)
	}
	w.limit("ana", 3)
	third := a.take(busyDevices(first))
	w.limit("ana", 1)
	for _, c := range []scheduler.Claimed{first, second, third} {
		w.wantState(c.Job.ID, scheduler.Leased)
	}
	w.succeed(w.start(first))
	if c := a.choose(busyDevices(third)); c.Kind != scheduler.ChoiceNone {
		t.Errorf("ana holds 2 of 1 and gets %+v", c)
	}
	w.limit("ana", 0)
	a.take(busyDevices(third))
	w.clean()
}

func busyDevices(claims ...scheduler.Claimed) map[string]bool {
	busy := make(map[string]bool)
	for _, c := range claims {
		for _, uuid := range c.Job.Attempt().Devices {
			busy[uuid] = true
		}
	}
	return busy
}

// TestWhyUserLimit says the numbers.
func TestWhyUserLimit(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 4)
	w.submit("ana")
	waits, pair := w.submit("ana"), w.submit("ana", gpus(2))
	w.limit("ana", 1)
	h.take(nil)
	for id, want := range map[scheduler.JobID]string{
		waits: "ana holds 1 device of at most 1, and this needs 1",
		pair:  "it needs 2 devices, and ana may hold at most 1",
	} {
		why, err := w.s.Why(w.ctx, id, scheduler.Shown{})
		w.must(err)
		if len(why.Reasons) == 0 || why.Reasons[0].Code != "user-limit" || !strings.Contains(why.Reasons[0].Text, want) {
			t.Errorf("job %d: %+v, want %q", id, why.Reasons, want)
		}
		if why.Estimate.Known || why.Estimate.Basis != "unknown: ana holds as many devices as they may" {
			t.Errorf("job %d is to start %+v", id, why.Estimate)
		}
	}
}

// TestEstimateOfAnAvoidedHost: a host that is free but does not take the job now starts nothing at once.
func TestEstimateOfAnAvoidedHost(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 1)
	id := w.submit("ana")
	w.must(w.s.Release(w.ctx, w.start(h.take(nil)), "tried out"))
	why, err := w.s.Why(w.ctx, id, scheduler.Shown{})
	w.must(err)
	if len(why.Reasons) != 1 || why.Reasons[0].Code != "avoided" || why.Estimate.Known || !strings.HasSuffix(why.Reasons[0].Text, " (tried out)") {
		t.Errorf("%+v", why)
	}
}

// TestALimitHidesNobody: whoever stands behind 2,000 jobs of somebody at their
// limit starts at once, whatever the order, also when they come later.
func TestALimitHidesNobody(t *testing.T) {
	for name, change := range map[string]func(*scheduler.Submission){
		"beside": priority(0), "behind all": priority(-5),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, scheduler.DefaultTiming())
			h := w.host("a", 3)
			w.limit("ana", 1)
			_, err := w.submitN("ana", 2000)
			w.must(err)
			bob := w.submit("bob", change)
			first := h.take(nil)
			second := h.take(busyDevices(first))
			if got := []string{first.Job.User, second.Job.User}; fmt.Sprint(got) != "[ana bob]" || second.Job.ID != bob {
				t.Fatalf("started: %v", got)
			}
			cleo := w.submit("cleo", change)
			if third := h.take(busyDevices(first, second)); third.Job.ID != cleo {
				t.Errorf("third is %s's", third.Job.User)
			}
		})
	}
}

// TestTheLimitsOfMany: where more users than a view has entries are at their
// limit, and each has many jobs, the one who is not is found within a few views,
// and so is who comes later in the middle of them.
func TestTheLimitsOfMany(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	crowd := w.host("crowd", 40)
	for i := range 40 {
		user := fmt.Sprintf("user%d", i)
		w.limit(user, 1)
		_, err := w.submitN(user, 500)
		w.must(err)
	}
	busy := map[string]bool{}
	for range 40 {
		c := crowd.take(busy)
		busy[c.Job.Attempt().Devices[0]] = true
	}
	h := w.host("a", 2)
	find := func(id scheduler.JobID, busy map[string]bool, most int) scheduler.Claimed {
		t.Helper()
		for range most {
			if c := h.choose(busy); c.Kind == scheduler.ChoiceRun {
				won, err := h.claim(c)
				w.must(err)
				if won.Job.ID != id {
					t.Fatalf("found job %d of %s, want %d", won.Job.ID, won.Job.User, id)
				}
				return won
			}
			v, err := w.s.View(w.ctx, h.offer(busy), 0)
			w.must(err)
			if v.Revision != 0 {
				t.Fatal("a view that has not seen all keeps agents from looking again")
			}
		}
		t.Fatalf("not found in %d views", most)
		panic("")
	}
	won := find(w.submit("zoe", priority(-5)), nil, 4)
	find(w.submit("yan"), busyDevices(won), 4)
}

// TestAViewBehindALimitStaysCheap: once somebody was found there, a view takes
// few reads, however many jobs are before them.
func TestAViewBehindALimitStaysCheap(t *testing.T) {
	w, counting := countedWorld(t)
	h := w.host("a", 3)
	w.limit("ana", 1)
	_, err := w.submitN("ana", 5000)
	w.must(err)
	_, err = w.submitN("bob", 2, priority(-5))
	w.must(err)
	busy := busyDevices(h.take(nil))
	h.choose(busy)
	for range 5 {
		before := counting.reads.Load()
		if c := h.choose(busy); c.User != "bob" {
			t.Fatalf("chose %+v", c)
		}
		if n := counting.reads.Load() - before; n > 3 {
			t.Errorf("a view takes %d reads", n)
		}
	}
}

// TestClaimsKeepTheLimit: however many agents claim at once, and whatever the
// views said, nobody holds more than they may.
func TestClaimsKeepTheLimit(t *testing.T) {
	for name, w := range map[string]*world{"local": newWorld(t, scheduler.DefaultTiming()), "redis": redisWorld(t)} {
		t.Run(name, func(t *testing.T) {
			w.limit("ana", 3)
			ids, err := w.submitN("ana", 16)
			w.must(err)
			var won atomic.Int64
			var wg sync.WaitGroup
			for i, id := range ids {
				h := w.host(fmt.Sprintf("host%d", i), 1)
				wg.Go(func() {
					_, err := w.s.Claim(w.ctx, scheduler.ClaimRequest{
						Host: h.inv.Host, Epoch: h.epoch, Job: id, Devices: []string{h.inv.Devices[0].UUID}, ClaimID: fmt.Sprint(id),
					})
					if err == nil {
						won.Add(1)
					}
				})
			}
			wg.Wait()
			if won.Load() != 3 {
				t.Errorf("%d claims were granted, want 3", won.Load())
			}
			h := w.host("extra", 1)
			w.limit("ana", 4)
			_, err = w.s.Claim(w.ctx, scheduler.ClaimRequest{
				Host: "extra", Epoch: h.epoch, Job: h.choose(nil).Job, Devices: []string{h.inv.Devices[0].UUID}, User: "bob", ClaimID: "x",
			})
			w.wantErr(err, scheduler.ErrInvalid) // under another user's limit
		})
	}
}
