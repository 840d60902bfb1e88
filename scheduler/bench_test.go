package scheduler_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

func redisWorld(t testing.TB) *world {
	st, err := redisstore.Open(t.Context(), redistest.Shared(t).URL(redistest.Namespace(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return worldOn(t, st, scheduler.DefaultTiming())
}

var payload = make([]byte, 200)

func submission() scheduler.Submission {
	return scheduler.Submission{Media: scheduler.MediaEnvelope, Body: payload, Function: "train", PythonVersion: "3.11"}
}

// BenchmarkSubmit has 64 callers submit one job each at a time, on Redis.
func BenchmarkSubmit(b *testing.B) {
	w := redisWorld(b)
	jobs := make(chan struct{}, b.N)
	for range b.N {
		jobs <- struct{}{}
	}
	close(jobs)
	b.ResetTimer()
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			who := scheduler.Who{User: fmt.Sprintf("user%d", i%8)}
			for range jobs {
				if _, err := w.s.Submit(w.ctx, who, []scheduler.Submission{submission()}, ""); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
}

// BenchmarkSubmitBatch submits 10,000 jobs at once.
func BenchmarkSubmitBatch(b *testing.B) {
	w := redisWorld(b)
	subs := make([]scheduler.Submission, 10_000)
	for i := range subs {
		subs[i] = submission()
	}
	b.ResetTimer()
	for range b.N {
		if _, err := w.s.Submit(w.ctx, scheduler.Who{User: "ana"}, subs, ""); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(subs))/b.Elapsed().Seconds(), "jobs/s")
}

// BenchmarkCycle has 16 devices on 2 hosts view, pick, claim, start and finish, on Redis.
func BenchmarkCycle(b *testing.B) {
	w := redisWorld(b)
	hosts := []*host{w.host("a", 8), w.host("b", 8)}
	subs := make([]scheduler.Submission, b.N)
	for i := range subs {
		subs[i] = submission()
	}
	if _, err := w.s.Submit(w.ctx, scheduler.Who{User: "ana"}, subs, ""); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	var left, claims atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	for _, h := range hosts {
		for i := range h.inv.Devices {
			wg.Go(func() { cycle(b, h, i, &left, &claims) })
		}
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
	b.ReportMetric(float64(claims.Load())/float64(b.N), "claims/job")
}

func cycle(b *testing.B, h *host, device int, left, claims *atomic.Int64) {
	o := h.offer(nil)
	o.Devices = o.Devices[device : device+1]
	for n := 0; left.Load() > 0; n++ {
		v, err := h.s.View(h.ctx, o, uint64(device))
		if err != nil {
			b.Error(err)
			return
		}
		first := scheduler.Pick(v, o, v.Now, uint64(device))
		for _, c := range append([]scheduler.Choice{first}, first.Next...) {
			if c.Kind != scheduler.ChoiceRun {
				break
			}
			claims.Add(1)
			won, err := h.s.Claim(h.ctx, scheduler.ClaimRequest{
				Host: h.inv.Host, Epoch: h.epoch, Job: c.Job, User: c.User, Devices: c.Devices,
				ClaimID: fmt.Sprintf("%d-%d", device, n), Held: c.Held, FairHeld: true,
			})
			if err != nil {
				continue // somebody was faster
			}
			ref := scheduler.LeaseRef{Job: won.Job.ID, Fence: won.Fence}
			if err := h.s.Start(h.ctx, ref); err != nil {
				b.Error(err)
			}
			if _, err := h.s.Finish(h.ctx, ref, scheduler.Finish{Outcome: scheduler.OutcomeSucceeded}); err != nil {
				b.Error(err)
			}
			left.Add(-1)
			break
		}
	}
}

// BenchmarkView: what a choice costs does not grow with the queue.
func BenchmarkView(b *testing.B) {
	for _, queued := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(queued), func(b *testing.B) {
			w := redisWorld(b)
			h := w.host("a", 8)
			for i := 0; i < queued; i += 10_000 {
				subs := make([]scheduler.Submission, min(queued, 10_000))
				for i := range subs {
					subs[i] = submission()
				}
				if _, err := w.s.Submit(w.ctx, scheduler.Who{User: fmt.Sprintf("user%d", i)}, subs, ""); err != nil {
					b.Fatal(err)
				}
			}
			b.ResetTimer()
			for range b.N {
				v, err := w.s.View(w.ctx, h.offer(nil), 0)
				if err != nil {
					b.Fatal(err)
				}
				if scheduler.Pick(v, h.offer(nil), time.Now(), 0).Kind != scheduler.ChoiceRun {
					b.Fatal("nothing to run")
				}
			}
		})
	}
}
