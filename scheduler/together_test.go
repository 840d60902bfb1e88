package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// TestCrowdSharesCommits: whoever comes while the trips are full shares one.
func TestCrowdSharesCommits(t *testing.T) {
	c := newCrowd(t)
	c.ahead()
	for i := range 40 {
		c.submit(t.Context(), Who{User: fmt.Sprint("user", i%5)}, "{}", "")
	}
	c.waiting(40)
	c.release()
	for _, out := range c.got {
		if out.err != nil {
			t.Error(out.err)
		}
	}
	if !slices.Contains(c.st.jobs, 40) || c.written() != 40+maxTrips {
		t.Errorf("commits of %v jobs, want one of 40", c.st.jobs)
	}
}

// TestLimitRefusesItsOwnUser: one user's limit costs the others nothing.
func TestLimitRefusesItsOwnUser(t *testing.T) {
	c := newCrowd(t)
	c.ahead()
	for range 5 {
		c.submit(t.Context(), Who{User: "ana", MaxQueued: 2}, "{}", "")
		c.submit(t.Context(), Who{User: "ben", MaxQueued: 5}, "{}", "")
	}
	c.waiting(10)
	c.release()
	refused := map[string]int{}
	for _, out := range c.got {
		if out.err != nil {
			refused[out.user]++
			if !errors.Is(out.err, ErrQuota) {
				t.Error(out.err)
			}
		}
	}
	if refused["ana"] != 3 || refused["ben"] != 0 || !slices.Contains(c.st.jobs, 5) {
		t.Errorf("refused %v, commits of %v jobs; want 3 of ana's refused, and ben's five in one", refused, c.st.jobs)
	}
}

// TestKeysInACrowd: a key that is used thrice at once makes one job, and one
// that was used for something else is refused alone.
func TestKeysInACrowd(t *testing.T) {
	c := newCrowd(t)
	c.ahead()
	for range 3 {
		c.submit(t.Context(), Who{User: "ana"}, "{}", "k")
	}
	other := c.submit(t.Context(), Who{User: "ana"}, "[]", "other")
	c.waiting(4)
	c.release()
	again := c.got[maxTrips : maxTrips+3]
	for _, out := range again {
		if out.err != nil || out.ids[0] != again[0].ids[0] {
			t.Errorf("%+v, want job %v", *out, again[0].ids)
		}
	}
	if other.err != nil || c.written() != maxTrips+2 {
		t.Errorf("%v, %d jobs written", other.err, c.written())
	}

	late := newCrowd(t)
	late.st.Store = c.st.Store
	late.ahead()
	reused := late.submit(t.Context(), Who{User: "ana"}, "{}", "other")
	replay := late.submit(t.Context(), Who{User: "ana"}, "{}", "k")
	fresh := late.submit(t.Context(), Who{User: "ana"}, "{}", "")
	late.waiting(3)
	late.release()
	if !errors.Is(reused.err, ErrKeyReused) || replay.err != nil || !replay.old || replay.ids[0] != again[0].ids[0] || fresh.err != nil {
		t.Errorf("reused %v, replay %+v, fresh %v", reused.err, *replay, fresh.err)
	}
}

// TestLostAnswerInACrowd: the answer to a shared commit is lost, once or for good.
func TestLostAnswerInACrowd(t *testing.T) {
	for name, lost := range map[string]int{"once": 1, "for good": impatientTries} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t)
			c.ahead()
			for range 10 {
				c.submit(t.Context(), Who{User: "ana"}, "{}", "")
			}
			c.waiting(10)
			left := lost
			c.st.via = func(jobs int, do func() (store.Result, error)) (store.Result, error) {
				r, err := do()
				if jobs == 10 && left > 0 {
					left--
					return store.Result{}, store.ErrUnavailable
				}
				return r, err
			}
			c.release()
			for _, out := range c.got[maxTrips:] {
				if lost == 1 && out.err != nil || lost > 1 && !errors.Is(out.err, store.ErrUnavailable) {
					t.Error(out.err)
				}
			}
			if c.written() != maxTrips+10 {
				t.Errorf("%d jobs were written, want %d", c.written(), maxTrips+10)
			}
		})
	}
}

// TestUnsureRefusal: a shared commit that was not answered and then refused may
// be applied yet, so nobody submits it again.
func TestUnsureRefusal(t *testing.T) {
	c := newCrowd(t)
	c.ahead()
	for range 10 {
		c.submit(t.Context(), Who{User: "ana", MaxQueued: 1}, "{}", "")
	}
	c.waiting(10)
	lost := false
	c.st.via = func(jobs int, do func() (store.Result, error)) (store.Result, error) {
		if jobs == 10 && !lost {
			lost = true
			return store.Result{}, store.ErrUnavailable
		}
		return do()
	}
	c.release()
	for _, out := range c.got[maxTrips:] {
		if !errors.Is(out.err, store.ErrUnavailable) || errors.Is(out.err, ErrQuota) {
			t.Error(out.err)
		}
	}
	if c.written() != maxTrips {
		t.Errorf("%d jobs were written", c.written())
	}
}

// TestCallersLeave: a caller that gives up while it waits is not submitted, and
// one that gives up while it leads, or is to lead, takes nobody with it.
func TestCallersLeave(t *testing.T) {
	c := newCrowd(t)
	c.ahead()
	leading, endLeading := context.WithCancel(t.Context())
	c.submit(leading, Who{User: "ana"}, "{}", "")
	c.waiting(1)
	leaving, leave := context.WithCancel(t.Context())
	left := c.submit(leaving, Who{User: "ben"}, "{}", "")
	c.waiting(2)
	for range 5 {
		c.submit(t.Context(), Who{User: "cleo"}, "{}", "")
	}
	c.waiting(7)
	leave()
	c.waiting(6)
	c.st.gate <- struct{}{} // one of those ahead ends; ana leads the others
	c.waiting(0)
	endLeading()
	c.release()
	if !errors.Is(left.err, context.Canceled) || !slices.Contains(c.st.jobs, 6) || c.written() != maxTrips+6 {
		t.Errorf("%v, commits of %v jobs", left.err, c.st.jobs)
	}
	for _, out := range c.got[len(c.got)-5:] {
		if out.err != nil {
			t.Error(out.err)
		}
	}
}
