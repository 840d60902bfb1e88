package scheduler_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

// ledger is what a crowd of callers was answered, by what each submitted.
type ledger struct {
	mu    sync.Mutex
	asked map[string]string // user, by body
	ids   map[string]scheduler.JobID
	quota map[string]bool // users who were refused
}

// TestCrowdOnABadLine: many callers at once, some with keys that they share,
// one with a limit, on a store that loses and repeats calls and answers. No
// submit makes two jobs, none is answered with another's, and what was
// answered is there.
func TestCrowdOnABadLine(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			st, err := localstore.OpenMemory()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { st.Close() })
			w := worldOn(t, &storetest.Faulty{Store: st, Inject: storetest.Random(seed, 6)}, scheduler.DefaultTiming())
			l := &ledger{asked: map[string]string{}, ids: map[string]scheduler.JobID{}, quota: map[string]bool{}}
			var callers sync.WaitGroup
			for i := range 32 {
				callers.Go(func() { l.caller(w, i) })
			}
			callers.Wait()
			l.check(worldOn(t, st, scheduler.DefaultTiming()))
		})
	}
}

// caller submits as one of four users; every third time under a key that the
// user's other callers use too, until it is answered.
func (l *ledger) caller(w *world, i int) {
	who := scheduler.Who{User: []string{"ana", "ben", "cleo", "dan"}[i%4]}
	if who.User == "dan" {
		who.MaxQueued = 20
	}
	for n := range 12 {
		body, key := fmt.Sprintf("%d.%d", i, n), ""
		if n%3 == 0 {
			key = fmt.Sprint("key ", n)
			body = who.User + " " + key
		}
		sub := scheduler.Submission{Media: scheduler.MediaJSON, Body: []byte(body), Function: "f"}
		for {
			done, err := w.s.Submit(w.ctx, who, []scheduler.Submission{sub}, key)
			l.note(w, who.User, body, done, err)
			if key == "" || !errors.Is(err, store.ErrUnavailable) {
				break
			}
		}
	}
}

func (l *ledger) note(w *world, user, body string, done scheduler.Submitted, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked[body] = user
	switch {
	case errors.Is(err, scheduler.ErrQuota):
		l.quota[user] = true
	case errors.Is(err, store.ErrUnavailable):
	case err != nil:
		w.Errorf("%s: %v", body, err)
	case l.ids[body] != 0 && l.ids[body] != done.IDs[0]:
		w.Errorf("%s was answered with the jobs %d and %d", body, l.ids[body], done.IDs[0])
	default:
		l.ids[body] = done.IDs[0]
	}
}

// check compares the answers with what the store holds.
func (l *ledger) check(w *world) {
	found := map[string]scheduler.JobID{}
	for before := scheduler.JobID(0); ; {
		jobs, next, err := w.s.Jobs(w.ctx, scheduler.Filter{Before: before, Limit: 1000})
		w.must(err)
		for _, j := range jobs {
			spec, err := w.s.Spec(w.ctx, j.ID)
			w.must(err)
			body := string(spec.Body)
			if found[body] != 0 {
				w.Errorf("%s made the jobs %d and %d", body, j.ID, found[body])
			}
			if found[body] = j.ID; l.asked[body] != j.User || spec.User != j.User {
				w.Errorf("%s of %s is job %d of %s, its spec of %s", body, l.asked[body], j.ID, j.User, spec.User)
			}
		}
		if before = next; next == 0 {
			break
		}
	}
	for body, id := range l.ids {
		if found[body] != id {
			w.Errorf("%s was answered with job %d, and the store has %d", body, id, found[body])
		}
	}
	if !l.quota["dan"] || len(l.quota) > 1 {
		w.Errorf("refused for their limit: %v, want dan alone", l.quota)
	}
	w.clean()
}
