package scheduler_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

// restarted is a store that can come back with all that it had under another
// identity, as Redis does.
type restarted struct {
	store.Store
	times atomic.Int64
}

func (r *restarted) identity(inner string) string { return fmt.Sprint(inner, "-", r.times.Load()) }

func (r *restarted) Read(ctx context.Context, q store.Query) (store.Answer, error) {
	a, err := r.Store.Read(ctx, q)
	a.Identity = r.identity(a.Identity)
	return a, err
}

func (r *restarted) Allocate(ctx context.Context, counter string, n int64) (int64, string, error) {
	first, identity, err := r.Store.Allocate(ctx, counter, n)
	return first, r.identity(identity), err
}

func (r *restarted) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	a, err := r.Store.Read(ctx, store.Query{})
	if err != nil {
		return store.Result{}, err
	}
	if c.Identity != r.identity(a.Identity) {
		return store.Result{Conflict: store.ConflictIdentity, Now: a.Now, Identity: r.identity(a.Identity)}, nil
	}
	c.Identity = a.Identity
	res, err := r.Store.Commit(ctx, c)
	res.Identity = r.identity(a.Identity)
	return res, err
}

// unsureWorld is a world whose next submit meets the fault with its first
// commit, at which also then is called.
func unsureWorld(t *testing.T, fault storetest.Fault, then func(*restarted)) *world {
	mem, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mem.Close() })
	st := &restarted{Store: mem}
	faulty := &storetest.Faulty{Store: st}
	w := worldOn(t, faulty, scheduler.DefaultTiming())
	w.submit("ana") // adopts the store, and takes ids
	met := false
	faulty.Inject = func(_ context.Context, c storetest.Call) storetest.Fault {
		switch {
		case met && then != nil:
			then(st)
			then = nil
		case !met && c.Op == "commit":
			met = true
			return fault
		}
		return storetest.Healthy
	}
	return w
}

func oneCall() []scheduler.Submission {
	return []scheduler.Submission{{Media: scheduler.MediaJSON, Body: []byte("{}"), Function: "f"}}
}

// TestUnsureAcrossARestart: a commit was carried out and not answered, and the
// store is back under another identity when it is sent again. Only a key tells
// that it was carried out; without one it is not made once more.
func TestUnsureAcrossARestart(t *testing.T) {
	for _, key := range []string{"", "k"} {
		t.Run("key "+key, func(t *testing.T) {
			w := unsureWorld(t, storetest.LostAnswer, func(r *restarted) { r.times.Add(1) })
			done, err := w.s.Submit(w.ctx, scheduler.Who{User: "ana"}, oneCall(), key)
			if key == "" {
				w.wantErr(err, store.ErrUnavailable)
			} else if w.must(err); !done.Replayed {
				t.Errorf("%+v, want the ids of the first try", done)
			}
			n, err := w.s.JobCount(w.ctx)
			w.must(err)
			if n[scheduler.Queued] != 2 {
				t.Errorf("%d jobs wait, want 2", n[scheduler.Queued])
			}
			w.clean()
		})
	}
}

// TestUnsureRefusalAlone: a commit that was not answered may be applied yet, so
// that the refusal of its repeat is no answer.
func TestUnsureRefusalAlone(t *testing.T) {
	w := unsureWorld(t, storetest.LostCall, nil)
	_, err := w.s.Submit(w.ctx, scheduler.Who{User: "ana", MaxQueued: 1}, oneCall(), "")
	w.wantErr(err, store.ErrUnavailable)
}
