package scheduler_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

func ringOf(scope string, n byte, others ...signing.PublicKey) *signing.Ring {
	return signing.NewRing(scope, signing.NewKey([32]byte{n}), others...)
}

// signedWorld is a world whose servers sign with this ring.
func signedWorld(t *testing.T, ring *signing.Ring) *world {
	w := newWorld(t, scheduler.Timing{})
	return w.as(ring)
}

// as is the same store with a server of another ring; nil: one that does not sign.
func (w *world) as(ring *signing.Ring) *world {
	w.Helper()
	s, err := scheduler.New(w.st, scheduler.Options{Ring: ring})
	if err != nil {
		w.Fatal(err)
	}
	return &world{TB: w.TB, ctx: w.ctx, st: w.st, s: s}
}

var alice = scheduler.Who{User: "alice", Unix: "al"}

func (w *world) submitSigned(s scheduler.Submission) scheduler.JobID {
	w.Helper()
	done, err := w.s.Submit(w.ctx, alice, []scheduler.Submission{s}, "")
	if err != nil {
		w.Fatal(err)
	}
	return done.IDs[0]
}

func (w *world) record(key string) []byte {
	w.Helper()
	a, err := w.st.Read(w.ctx, store.Query{Keys: []string{key}})
	if err != nil {
		w.Fatal(err)
	}
	return a.Records[0].Value
}

// forge writes a record as somebody who has only the store.
func (w *world) forge(key string, value []byte) {
	w.Helper()
	w.change(store.Put(key, value))
}

// change makes effects, as forge does.
func (w *world) change(effects ...store.Effect) {
	w.Helper()
	const mark = "live:changed" // whose guard makes it safe to repeat
	a, err := w.st.Read(w.ctx, store.Query{Keys: []string{mark}})
	if err != nil {
		w.Fatal(err)
	}
	r, err := w.st.Commit(w.ctx, store.Commit{
		Identity: a.Identity, Guards: []store.Guard{store.At(mark, a.Records[0].Version)}, Effects: append(effects, store.Put(mark, nil)),
	})
	if err != nil || !r.OK() {
		w.Fatal("not written: ", err, r)
	}
}

func specKey(id scheduler.JobID) string { return fmt.Sprintf("spec:job:%d", id) }
func liveKey(id scheduler.JobID) string { return fmt.Sprintf("live:job:%d", id) }

var aCommand = scheduler.Submission{
	Media: scheduler.MediaJSON, Body: []byte(`{"command": ["true"], "timeout": "1m"}`), Function: "true",
	Request: scheduler.Request{Timeout: time.Minute, GPUType: "a100"},
}

// note puts a process with a function, as servers do.
func (w *world) note(name string, p scheduler.Process) {
	w.Helper()
	err := w.s.ChangeFunctions(w.ctx, "alice", func(list []scheduler.Function, _ time.Time, _ bool) ([]scheduler.Function, error) {
		for i := range list {
			if list[i].Name == name {
				list[i].Process = p
			}
		}
		return list, nil
	})
	if err != nil {
		w.Fatal(err)
	}
}
