package scheduler_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// usage is what Usage says, of now.
func (w *world) usage() scheduler.Usage {
	w.Helper()
	u, err := w.s.Usage(w.ctx, time.Now())
	w.must(err)
	return u
}

// recorded adds up the attempts that the jobs' own records have ended.
func (w *world) recorded(ids ...scheduler.JobID) map[string]scheduler.Used {
	w.Helper()
	sums := make(map[string]scheduler.Used)
	for _, id := range ids {
		j := w.job(id)
		for i := range j.Attempts {
			a := &j.Attempts[i]
			if a.Ended.IsZero() {
				continue
			}
			held := a.Ended.Sub(a.Claimed)
			for key, n := range map[string]int{"user " + j.User: len(a.Devices), "host " + a.Host: len(a.Devices)} {
				u := sums[key]
				u.Held += held * time.Duration(n)
				u.Attempts++
				u.Longest = max(u.Longest, held)
				if i == len(j.Attempts)-1 && j.State.Final() {
					u.Jobs++
					if j.State == scheduler.Failed {
						u.Failed++
					}
				}
				sums[key] = u
			}
		}
	}
	return sums
}

func (w *world) wantUsage(want map[string]scheduler.Used) {
	w.Helper()
	got := w.usage()
	for key, u := range want {
		var have scheduler.Used
		if _, err := fmt.Sscanf(key, "user %s", new(string)); err == nil {
			have = got.Users[key[5:]]
		} else {
			have = got.Hosts[key[5:]]
		}
		if have != u {
			w.Errorf("%s used %+v, the records say %+v", key, have, u)
		}
	}
}

// TestUsageIsWhatRan: every attempt counts, whatever its end, before and after it
// is folded, and after its job was purged.
func TestUsageIsWhatRan(t *testing.T) {
	for name, w := range map[string]*world{"local": newWorld(t, scheduler.DefaultTiming()), "redis": redisWorld(t)} {
		t.Run(name, func(t *testing.T) {
			h := w.host("a", 3)
			done := w.submit("ana", gpus(2), func(s *scheduler.Submission) { s.Request.ResultTTL = time.Microsecond })
			w.succeed(w.start(h.take(nil)))
			retried := w.submit("ana", func(s *scheduler.Submission) { s.Request.Retries = 1 })
			w.finish(w.start(h.take(nil)), scheduler.Finish{Outcome: scheduler.OutcomeFailed, Reason: scheduler.ReasonError})
			failed := w.submit("bob")
			w.finish(w.start(h.take(nil)), scheduler.Finish{Outcome: scheduler.OutcomeFailed, Reason: scheduler.ReasonError})
			lost := w.submit("bob")
			w.finish(w.start(h.take(nil)), scheduler.Finish{Outcome: scheduler.OutcomeLost, Detail: "its slot died"})
			cancelled := h.take(nil)
			w.succeedCancel(cancelled)
			want := w.recorded(done, retried, failed, lost)
			if want["user ana"].Attempts != 2 || want["user ana"].Jobs != 1 || want["user bob"].Failed != 1 || want["user bob"].Jobs != 2 {
				t.Fatalf("the records say %+v", want)
			}
			w.wantUsage(want)
			w.must(w.s.FoldUsage(w.ctx))
			w.wantUsage(want)
			w.must(w.s.FoldUsage(w.ctx))
			ctx, end := context.WithCancel(w.ctx)
			var loops sync.WaitGroup
			loops.Go(func() { _ = w.s.Run(ctx) })
			w.until("the job is purged", func() bool { _, err := w.s.Job(w.ctx, done); return err != nil })
			end()
			loops.Wait()
			w.wantUsage(want)
			if d := w.usage().Devices; len(d) == 0 || d[0].Host != "a" || d[0].UUID != "GPU-a-0" {
				t.Errorf("devices: %+v", d)
			}
		})
	}
}

// succeedCancel cancels a lease and lets it end so.
func (w *world) succeedCancel(c scheduler.Claimed) {
	w.Helper()
	ref := w.start(c)
	_, _, err := w.s.Cancel(w.ctx, c.Job.ID, "ana")
	w.must(err)
	w.finish(ref, scheduler.Finish{Outcome: scheduler.OutcomeCancelled})
}

// TestWhatRunsCountsUpToNow, as an attempt that has not ended.
func TestWhatRunsCountsUpToNow(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 2)
	w.submit("ana", gpus(2))
	ref := w.start(h.take(nil))
	before := w.usage().Users["ana"]
	if before.Attempts != 1 || before.Jobs != 0 || before.Held <= 0 {
		t.Errorf("while it runs: %+v", before)
	}
	w.until("it has run for longer", func() bool { return w.usage().Users["ana"].Held > before.Held })
	j := w.job(w.succeed(ref).ID)
	a := j.Attempt()
	if u := w.usage().Users["ana"]; u.Attempts != 1 || u.Jobs != 1 || u.Held != 2*a.Ended.Sub(a.Claimed) {
		t.Errorf("after its end: %+v", u)
	}
}

// TestFoldersAtOnce: several servers fold while jobs end, and readers read;
// nothing counts twice or not at all.
func TestFoldersAtOnce(t *testing.T) {
	w := redisWorld(t)
	other, err := scheduler.New(w.st, scheduler.Options{Timing: scheduler.DefaultTiming()})
	w.must(err)
	const jobs = 60
	ids, err := w.submitN("ana", jobs)
	w.must(err)
	h := w.host("a", 1)
	ended := make(chan struct{})
	var wg sync.WaitGroup
	for _, s := range []*scheduler.Scheduler{w.s, other} {
		wg.Go(func() {
			last := int64(0)
			for over := false; !over; {
				select {
				case <-ended:
					over = true
				default:
				}
				if err := s.FoldUsage(w.ctx); err != nil {
					t.Error(err)
				}
				u, err := s.Usage(w.ctx, time.Now())
				if err != nil {
					t.Error(err)
				}
				if n := u.Users["ana"].Jobs; n < last || n > jobs {
					t.Errorf("%d jobs have ended, after %d", n, last)
				} else {
					last = n
				}
			}
		})
	}
	for range jobs {
		w.succeed(w.start(h.take(nil)))
	}
	close(ended)
	wg.Wait()
	w.wantUsage(w.recorded(ids...))
}

// TestWhatAnEndCosts: one entry of a log, beside what it cost before.
func TestWhatAnEndCosts(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 1)
	w.submit("ana")
	ref := w.start(h.take(nil))
	var last store.Commit
	s, err := scheduler.New(lastCommit{w.st, &last}, scheduler.Options{Timing: scheduler.DefaultTiming()})
	w.must(err)
	_, err = s.Finish(w.ctx, ref, scheduler.Finish{Outcome: scheduler.OutcomeSucceeded})
	w.must(err)
	kinds := map[store.EffectKind]int{}
	for _, e := range last.Effects {
		kinds[e.Kind]++
	}
	if kinds[store.EffectAppend] != 3 || len(last.Effects) != 9 || len(last.Guards) != 1 {
		t.Errorf("%d guards, %d effects: %v", len(last.Guards), len(last.Effects), kinds)
	}
}

// lastCommit keeps the last commit.
type lastCommit struct {
	store.Store
	last *store.Commit
}

// Commit implements store.Store.
func (s lastCommit) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	*s.last = c
	return s.Store.Commit(ctx, c)
}

// between calls what happens right before a read or a commit that is about keys
// or logs of a name, once.
type between struct {
	store.Store
	name string
	then func()
}

func (s *between) meet(names ...string) {
	for _, name := range names {
		if then := s.then; then != nil && strings.HasPrefix(name, s.name) {
			s.then = nil
			then()
		}
	}
}

// Read implements store.Store.
func (s *between) Read(ctx context.Context, q store.Query) (store.Answer, error) {
	s.meet(q.Keys...)
	for _, l := range q.Logs {
		s.meet(l.Log)
	}
	return s.Store.Read(ctx, q)
}

// Commit implements store.Store.
func (s *between) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	for _, e := range c.Effects {
		s.meet("commit " + e.Key)
	}
	return s.Store.Commit(ctx, c)
}

// TestUsageBetweenItsReads: whatever comes between two steps of a reader or of
// somebody who folds, an attempt counts once.
func TestUsageBetweenItsReads(t *testing.T) {
	for name, at := range map[string]string{
		"an end before the logs": "live:usage:", "a fold before the logs": "live:usage:",
		"a fold before the days": "spec:usage:", "a fold before the commit of another": "commit spec:usage",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, scheduler.DefaultTiming())
			h := w.host("a", 2)
			first, second := w.submit("ana"), w.submit("ana")
			w.succeed(w.start(h.take(nil)))
			ref := w.start(h.take(nil))
			met := &between{Store: w.st, name: at, then: func() {
				if strings.HasPrefix(name, "an end") {
					w.succeed(ref)
				} else {
					w.must(w.s.FoldUsage(w.ctx))
				}
			}}
			s, err := scheduler.New(met, scheduler.Options{Timing: scheduler.DefaultTiming()})
			w.must(err)
			if strings.HasPrefix(at, "commit") {
				w.must(s.FoldUsage(w.ctx))
			}
			u, err := s.Usage(w.ctx, time.Now())
			w.must(err)
			if met.then != nil || u.Users["ana"].Attempts != 2 {
				t.Errorf("met %v; counted %+v", met.then == nil, u.Users["ana"])
			}
			if w.job(second).State != scheduler.Succeeded {
				w.succeed(ref)
			}
			w.wantUsage(w.recorded(first, second))
		})
	}
}
