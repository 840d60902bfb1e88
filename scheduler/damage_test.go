package scheduler_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// damage flips a bit of a job's record, as a bad sector of Redis' file does: Redis loads it.
func (w *world) damage(id scheduler.JobID) (whole []byte) {
	w.Helper()
	whole = w.record(liveKey(id))
	broken := bytes.Clone(whole)
	broken[0] ^= 1
	w.forge(liveKey(id), broken)
	_, err := w.s.Job(w.ctx, id)
	w.wantErr(err, scheduler.ErrDamaged)
	return whole
}

// logged has the world's server write its log into what it gives.
func (w *world) logged() *strings.Builder {
	w.Helper()
	var log strings.Builder
	s, err := scheduler.New(w.st, scheduler.Options{Log: zerolog.New(&log)})
	w.must(err)
	w.s = s
	return &log
}

// TestDamagedRecordStopsOnlyItsJob: whatever state a job is in whose record cannot be read any more,
// all others go on, the log names it, and it is there again with its record.
func TestDamagedRecordStopsOnlyItsJob(t *testing.T) {
	w := newWorld(t, scheduler.Timing{})
	log := w.logged()
	h := w.host("h1", 2)
	submit := func(change ...func(*scheduler.Submission)) scheduler.JobID { return w.submit("ana", change...) }
	later := func(s *scheduler.Submission) { s.Request.RunAt = time.Now().Add(50 * time.Millisecond) }
	running, other := submit(), submit()
	lost, kept := w.start(h.take(nil)), w.start(h.take(map[string]bool{h.inv.Devices[0].UUID: true}))
	if lost.Job != running || kept.Job != other {
		t.Fatal("not in their order")
	}
	queued, scheduled, parent := submit(), submit(later), submit()
	behind := []scheduler.JobID{submit(), submit(later), submit(func(s *scheduler.Submission) { s.Request.After = []scheduler.JobID{parent} })}
	damaged := []scheduler.JobID{running, queued, scheduled}
	whole := map[scheduler.JobID][]byte{}
	for _, id := range damaged {
		whole[id] = w.damage(id)
	}

	t.Run("lists", func(t *testing.T) {
		jobs, _, err := w.s.Jobs(w.ctx, scheduler.Filter{})
		w.must(err)
		if len(jobs) != 5 {
			t.Errorf("%d of the 5 others are listed", len(jobs))
		}
	})
	t.Run("leases", func(t *testing.T) {
		r := h.renew(lost, kept)
		if a := r.Answers; !a[0].Gone || !strings.Contains(a[0].Why, "damaged") || a[1].Gone {
			t.Errorf("the renewal is answered %+v", a)
		}
		w.succeed(kept)
		_, err := w.s.Finish(w.ctx, lost, scheduler.Finish{Outcome: scheduler.OutcomeSucceeded})
		w.wantErr(err, scheduler.ErrDamaged)
	})
	t.Run("loops", func(t *testing.T) {
		<-time.After(60 * time.Millisecond)
		w.must(w.s.PromoteOnce(w.ctx))
		w.wantState(behind[1], scheduler.Queued)
		report, err := w.s.Check(w.ctx)
		w.must(err)
		for _, what := range []string{"active", "queue", "scheduled", "device"} {
			if !strings.Contains(strings.Join(report.Repairs, "\n"), what) {
				t.Errorf("the check repaired no %s: %q", what, report.Repairs)
			}
		}
		if again, err := w.s.Check(w.ctx); err != nil || len(again.Repairs) != 0 {
			t.Errorf("the next check: %v, %q", err, again.Repairs)
		}
		for _, id := range damaged {
			if n := strings.Count(log.String(), fmt.Sprintf(`"job":%d,`, id)); n != 1 {
				t.Errorf("the log names job %d %d times:\n%s", id, n, log)
			}
		}
	})
	t.Run("the others run", func(t *testing.T) {
		for range 3 {
			w.succeed(w.start(h.take(nil)))
		}
		w.must(w.s.PromoteOnce(w.ctx))
		w.succeed(w.start(h.take(nil)))
		w.wantState(behind[2], scheduler.Succeeded)
	})
	t.Run("brought back", func(t *testing.T) {
		for id, record := range whole {
			w.forge(liveKey(id), record)
		}
		_, err := w.s.Check(w.ctx)
		w.must(err)
		w.succeed(w.start(h.take(nil)))
		w.wantState(queued, scheduler.Succeeded)
	})
}

// TestEveryJobWithDamage: what cannot be read is told of the job that it is of, once.
func TestEveryJobWithDamage(t *testing.T) {
	w := newWorld(t, scheduler.Timing{})
	gone, spec, record := w.submit("ana"), w.submit("ana"), w.submit("ana")
	w.change(store.Delete(specKey(gone)))
	w.forge(specKey(spec), []byte("broken"))
	w.forge(liveKey(record), []byte("broken"))
	var met, told []scheduler.JobID
	w.must(w.s.EveryJob(w.ctx, func(j *scheduler.Job, _ scheduler.Spec) error {
		met = append(met, j.ID)
		return nil
	}, func(e *scheduler.DamagedError) error {
		told = append(told, e.Job)
		if string(e.Record) != "broken" {
			t.Errorf("of job %d: %q", e.Job, e.Record)
		}
		return nil
	}))
	if !slices.Equal(told, []scheduler.JobID{record, spec}) || len(met) != 3 {
		t.Errorf("told of %d, met %d", told, met)
	}
}

// TestDamagedJobAtTheHead: the claim of a job whose record is damaged is refused as what it is.
func TestDamagedJobAtTheHead(t *testing.T) {
	w := newWorld(t, scheduler.Timing{})
	h := w.host("h1", 1)
	head, next := w.submit("ana"), w.submit("bob")
	w.damage(head)
	choice := h.choose(nil)
	_, err := h.claim(choice)
	w.wantErr(err, scheduler.ErrDamaged)
	won, err := h.claim(choice.Next[0])
	w.must(err)
	if won.Job.ID != next {
		t.Errorf("got job %d, not %d", won.Job.ID, next)
	}
}
