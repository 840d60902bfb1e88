package scheduler_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// TestBackupUnderFire: while jobs are submitted, run, end and are purged, a backup
// is taken and restored into the other kind of store. Whatever was acknowledged
// before is there, ended if it had, and nothing is left to repair.
func TestBackupUnderFire(t *testing.T) {
	embedded, err := localstore.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { embedded.Close() })
	redis, err := redisstore.Open(t.Context(), redistest.Shared(t).URL(redistest.Namespace(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { redis.Close() })
	memory, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { memory.Close() })
	t.Run("Redis to embedded", func(t *testing.T) { underFire(t, redis, embedded) })
	if err := redis.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Run("embedded to Redis", func(t *testing.T) { underFire(t, memory, redis) })
}

func underFire(t *testing.T, from, to store.Store) {
	w := worldOn(t, from, scheduler.DefaultTiming())
	f := fire{world: w, ended: map[scheduler.JobID]bool{}}
	ctx, stop := context.WithCancel(w.ctx)
	w.background(ctx, w.s)
	var wg sync.WaitGroup
	for n := range 4 {
		h := w.host(fmt.Sprint("host", n), 1)
		wg.Go(func() { f.burn(ctx, h, fmt.Sprint("user", n)) })
	}
	w.until("many jobs ended", func() bool { return f.count() > 100 })
	before := f.copy()
	revision, steps := w.backup()
	stop()
	wg.Wait()

	r := worldOn(t, to, scheduler.DefaultTiming())
	if _, err := r.s.Restore(r.ctx, revision, steps, nil); err != nil {
		t.Fatal(err)
	}
	for id, ended := range before {
		if job, err := r.s.Job(r.ctx, id); err != nil || ended && job.State != scheduler.Succeeded {
			t.Errorf("job %d, ended %v: %s, %v", id, ended, job.State, err)
		}
	}
	if report, err := r.s.Check(r.ctx); err != nil || len(report.Repairs) > 0 {
		t.Errorf("check: %v, %v", report.Repairs, err)
	}
}

// fire notes what was acknowledged.
type fire struct {
	*world

	mu    sync.Mutex
	ended map[scheduler.JobID]bool // of those that are kept
}

func (f *fire) note(id scheduler.JobID, ended bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended[id] = ended
}

func (f *fire) count() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ended := range f.ended {
		if ended {
			n++
		}
	}
	return n
}

func (f *fire) copy() map[scheduler.JobID]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.ended)
}

// burn submits three jobs, of which one is purged soon after its end, and runs what
// it gets, until ctx ends.
func (f *fire) burn(ctx context.Context, h *host, user string) {
	for ctx.Err() == nil {
		for n := range 3 {
			sub := scheduler.Submission{Media: scheduler.MediaJSON, Body: []byte(`{"msg": 1}`), Function: "train"}
			if n == 0 {
				sub.Request.ResultTTL = time.Millisecond
			}
			out, err := f.s.Submit(f.ctx, scheduler.Who{User: user}, []scheduler.Submission{sub}, "")
			if err != nil {
				f.Error(err)
				return
			}
			if n > 0 {
				f.note(out.IDs[0], false)
			}
		}
		for range 3 {
			f.runOne(h)
		}
	}
}

func (f *fire) runOne(h *host) {
	v, err := h.s.View(h.ctx, h.offer(nil), 0)
	if err != nil {
		f.Error(err)
		return
	}
	choice := scheduler.Pick(v, h.offer(nil), v.Now, h.epoch)
	if choice.Kind != scheduler.ChoiceRun {
		return
	}
	won, err := h.s.Claim(h.ctx, scheduler.ClaimRequest{
		Host: h.inv.Host, Epoch: h.epoch, Job: choice.Job, Devices: choice.Devices, ClaimID: fmt.Sprint(h.inv.Host, time.Now().UnixNano()),
	})
	if err != nil {
		return // another one was faster
	}
	ref := scheduler.LeaseRef{Job: won.Job.ID, Fence: won.Fence}
	if err := h.s.Start(h.ctx, ref); err != nil {
		f.Error(err)
		return
	}
	if _, err := h.s.Finish(h.ctx, ref, scheduler.Finish{Outcome: scheduler.OutcomeSucceeded}); err != nil {
		f.Error(err)
		return
	}
	if won.Job.ResultTTL == 0 {
		f.note(won.Job.ID, true)
	}
}

// background runs the loops until ctx ends.
func (w *world) background(ctx context.Context, s *scheduler.Scheduler) {
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	w.Cleanup(func() {
		if err := <-ended; err != nil {
			w.Error(err)
		}
	})
}
