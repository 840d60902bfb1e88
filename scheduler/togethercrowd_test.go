package scheduler

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// gated is a store whose commits wait until the test lets them go, and go
// through what the test makes of them.
type gated struct {
	store.Store
	gate chan struct{}
	mu   sync.Mutex
	jobs []int // written by each commit, in order
	via  func(jobs int, do func() (store.Result, error)) (store.Result, error)
}

func (g *gated) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	if jobsOf(c) == 0 {
		return g.Store.Commit(ctx, c)
	}
	<-g.gate
	do := func() (store.Result, error) {
		r, err := g.Store.Commit(ctx, c)
		if err == nil && r.OK() {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.jobs = append(g.jobs, jobsOf(c))
		}
		return r, err
	}
	if g.via != nil {
		return g.via(jobsOf(c), do)
	}
	return do()
}

// jobsOf counts the jobs that a commit makes: each has an event.
func jobsOf(c store.Commit) (n int) {
	for _, e := range c.Effects {
		if e.Kind == store.EffectAppend {
			n++
		}
	}
	return n
}

// crowd is a scheduler whose commits are held back, and the submits that wait for them.
type crowd struct {
	*testing.T
	st   *gated
	s    *Scheduler
	done sync.WaitGroup
	got  []*outcome
}

type outcome struct {
	user string
	ids  []JobID
	old  bool
	err  error
}

func newCrowd(t *testing.T) *crowd {
	mem, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mem.Close() })
	st := &gated{Store: mem, gate: make(chan struct{})}
	s, err := New(st, Options{Timing: DefaultTiming()})
	if err != nil {
		t.Fatal(err)
	}
	return &crowd{T: t, st: st, s: s}
}

// submit begins a submit.
func (c *crowd) submit(ctx context.Context, who Who, body, key string) *outcome {
	out := &outcome{user: who.User}
	c.got = append(c.got, out)
	c.done.Go(func() {
		done, err := c.s.Submit(ctx, who, []Submission{{Media: MediaJSON, Body: []byte(body), Function: "f"}}, key)
		out.ids, out.old, out.err = done.IDs, done.Replayed, err
	})
	return out
}

// ahead fills the trips, so that whoever comes next waits.
func (c *crowd) ahead() {
	for range maxTrips {
		c.submit(c.Context(), Who{User: "first"}, "{}", "")
	}
	c.until("the trips are full", func() bool { return c.s.queue.trips == maxTrips })
}

// until waits for a condition of the queue.
func (c *crowd) until(what string, holds func() bool) {
	c.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); ; <-tick.C {
		c.s.queue.mu.Lock()
		ok := holds()
		c.s.queue.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(end) {
			c.Fatal("waited in vain until", what)
		}
	}
}

func (c *crowd) waiting(n int) {
	c.Helper()
	c.until(fmt.Sprint(n, " wait"), func() bool { return len(c.s.queue.waiting) == n })
}

// release lets all commits go, waits for all answers, and checks what must
// always hold: no id twice but for a replay, and a job for each.
func (c *crowd) release() {
	c.Helper()
	close(c.st.gate)
	c.done.Wait()
	seen := make(map[JobID]bool)
	for _, out := range c.got {
		if out.err != nil || out.old {
			continue
		}
		if seen[out.ids[0]] {
			c.Errorf("two submits were answered with job %d", out.ids[0])
		}
		seen[out.ids[0]] = true
		if j, err := c.s.Job(c.Context(), out.ids[0]); err != nil || j.User != out.user {
			c.Errorf("job %d of %s: user %q, %v", out.ids[0], out.user, j.User, err)
		}
	}
	c.until("nobody is under way", func() bool { return c.s.queue.trips == 0 && len(c.s.queue.waiting) == 0 })
}

// written is how many jobs the commits made, all in all.
func (c *crowd) written() (n int) {
	for _, jobs := range c.st.jobs {
		n += jobs
	}
	return n
}
