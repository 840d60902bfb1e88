package scheduler_test

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// backup takes a snapshot as a file would have it.
func (w *world) backup() (uint64, func() (store.Op, error)) {
	w.Helper()
	var lines [][]byte
	revision, err := w.st.(store.Snapshots).Snapshot(w.ctx, func(op store.Op) error {
		line, err := json.Marshal(op)
		lines = append(lines, line)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return revision, func() (op store.Op, err error) {
		if len(lines) == 0 {
			return op, io.EOF
		}
		err = json.Unmarshal(lines[0], &op)
		lines = lines[1:]
		return op, err
	}
}

// TestRestore: what a backup has is there again, its leases are void, ids jump,
// and the agent of before learns that nothing is its own.
func TestRestore(t *testing.T) {
	stores := map[string]func(t *testing.T) store.Store{
		"embedded": func(t *testing.T) store.Store {
			st, err := localstore.OpenMemory()
			if err != nil {
				t.Fatal(err)
			}
			return st
		},
		"Redis": func(t *testing.T) store.Store {
			st, err := redisstore.Open(t.Context(), redistest.Shared(t).URL(redistest.Namespace(t)))
			if err != nil {
				t.Fatal(err)
			}
			return st
		},
	}
	for name, open := range stores {
		for other, restored := range stores {
			t.Run(name+" to "+other, func(t *testing.T) {
				from, to := open(t), restored(t)
				t.Cleanup(func() { from.Close(); to.Close() })
				testRestore(worldOn(t, from, scheduler.DefaultTiming()), to)
			})
		}
	}
}

func testRestore(w *world, into store.Store) {
	w.must(w.s.OpenSchema(w.ctx, true))
	h := w.host("gpu1", 1)
	done := w.submit("ana")
	w.succeed(w.start(h.take(nil)))
	running := w.submit("bob")
	lease := w.start(h.take(nil))
	waiting := w.submit("ana")
	revision, steps := w.backup()
	later := w.submit("eve")
	w.succeed(lease)

	r := worldOn(w.TB, into, scheduler.DefaultTiming())
	got, err := r.s.Restore(r.ctx, revision, steps, nil)
	if err != nil || got.Jobs != 3 || got.Voided != 1 {
		w.Fatalf("restored %+v: %v", got, err)
	}
	r.must(r.s.OpenSchema(r.ctx, true))
	r.wantState(done, scheduler.Succeeded)
	if job := r.wantState(running, scheduler.Queued); job.Losses != 1 || job.Attempt().Outcome != scheduler.OutcomeLost {
		w.Errorf("the running job has %d losses, %+v", job.Losses, job.Attempt())
	}
	r.wantState(waiting, scheduler.Queued)
	if id := r.submit("ana"); id < later+1_000_000-10 {
		w.Errorf("the next id is %d", id)
	}
	r.staysSane(h, lease, running)
}

// staysSane: the agent of before, which runs what was voided, is told so; the job
// is held until it must have heard; nothing is left to repair.
func (w *world) staysSane(h *host, lease scheduler.LeaseRef, running scheduler.JobID) {
	w.Helper()
	renewed, err := w.s.Renew(w.ctx, h.inv.Host, h.epoch, []scheduler.LeaseRef{lease})
	if err != nil || !renewed.Answers[0].Gone {
		w.Errorf("the agent of before renews: %+v, %v", renewed, err)
	}
	if _, err := w.s.Finish(w.ctx, lease, scheduler.Finish{Outcome: scheduler.OutcomeSucceeded}); !errors.Is(err, scheduler.ErrStale) {
		w.Errorf("it finishes: %v", err)
	}
	if _, err := w.s.Renew(w.ctx, h.inv.Host, h.epoch+5, nil); !errors.Is(err, scheduler.ErrRejoin) {
		w.Errorf("one that joined after the backup renews: %v", err)
	}
	again := host{world: w, inv: h.inv}
	joined := again.join([]scheduler.LeaseRef{lease}, nil)
	if !slices.Contains(joined.Kill, lease) || joined.Epoch <= h.epoch {
		w.Errorf("it joins: %+v, after epoch %d", joined, h.epoch)
	}
	_, err = w.s.Claim(w.ctx, scheduler.ClaimRequest{
		Host: h.inv.Host, Epoch: joined.Epoch, Job: running, Devices: []string{h.inv.Devices[0].UUID}, ClaimID: "again",
	})
	if !errors.Is(err, scheduler.ErrHold) {
		w.Errorf("the voided job is claimed at once: %v", err)
	}
	report, err := w.s.Check(w.ctx)
	if err != nil || len(report.Repairs) > 0 {
		w.Errorf("check: %v, %v", report.Repairs, err)
	}
}

// TestRestoreRefuses: over live data, and until it has finished.
func TestRestoreRefuses(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	id := w.submit("ana")
	revision, steps := w.backup()
	if _, err := w.s.Restore(w.ctx, revision, steps, nil); !errors.Is(err, store.ErrNotEmpty) {
		t.Errorf("over live data: %v", err)
	}
	r := newWorld(t, scheduler.DefaultTiming())
	cut := errors.New("cut off")
	_, steps = w.backup()
	n := 0
	if _, err := r.s.Restore(r.ctx, revision, func() (store.Op, error) {
		if n++; n > 3 {
			return store.Op{}, cut
		}
		return steps()
	}, nil); !errors.Is(err, cut) {
		t.Fatal(err)
	}
	if err := r.s.OpenSchema(r.ctx, true); !errors.Is(err, scheduler.ErrRestoring) {
		t.Errorf("a server on a half restored store: %v", err)
	}
	_, steps = w.backup()
	if _, err := r.s.Restore(r.ctx, revision, steps, nil); err != nil {
		t.Errorf("after one that was cut off: %v", err)
	}
	r.wantState(id, scheduler.Queued)
}
