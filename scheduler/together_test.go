package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/store"
)

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
