package callback_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api/callback"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// world is a store with a scheduler, and senders of it.
type world struct {
	*testing.T
	st     store.Store
	sched  *scheduler.Scheduler
	policy callback.Policy
	reg    *prometheus.Registry // of the last sender
}

func newWorld(t *testing.T, scale int, private ...string) *world {
	t.Helper()
	st, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	w := &world{T: t, st: st, policy: policy(t, private...)}
	w.sched = w.scheduler(scale)
	return w
}

func (w *world) scheduler(scale int) *scheduler.Scheduler {
	s, err := scheduler.New(w.st, scheduler.Options{Timing: scheduler.DefaultTiming().Scale(scale)})
	if err != nil {
		w.Fatal(err)
	}
	return s
}

// sender runs one until it is stopped, or the test ends.
func (w *world) sender(s *scheduler.Scheduler) (stop func()) {
	w.reg = prometheus.NewRegistry()
	sender := callback.New(callback.Options{Scheduler: s, Policy: w.policy, Log: zerolog.Nop(), Metrics: w.reg, Version: "test"})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- sender.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.Error(err)
		}
	})
	w.Cleanup(stop)
	return stop
}

func (w *world) submit(user, url string) scheduler.JobID {
	w.Helper()
	sub := scheduler.Submission{Media: scheduler.MediaJSON, Body: []byte(`{"msg":1}`), Function: "f", Callback: url}
	out, err := w.sched.Submit(w.Context(), scheduler.Who{User: user}, []scheduler.Submission{sub}, "")
	if err != nil {
		w.Fatal(err)
	}
	return out.IDs[0]
}

// cancelled submits a job and cancels it: it has ended without success.
func (w *world) cancelled(user, url string) scheduler.JobID {
	w.Helper()
	id := w.submit(user, url)
	if _, _, err := w.sched.Cancel(w.Context(), id, user); err != nil {
		w.Fatal(err)
	}
	return id
}

// succeeded submits a job, and plays the agent that runs it.
func (w *world) succeeded(url, short string) scheduler.JobID {
	w.Helper()
	id := w.submit("ana", url)
	dev := gpu.Device{UUID: "CPU-0", Kind: gpu.KindCPU, Model: "CPU slot", StandIn: true}
	joined, err := w.sched.Join(w.Context(), scheduler.Inventory{Host: "h", BootID: "b", Devices: []scheduler.DeviceReport{{State: gpu.Free, Device: dev}}, Environments: []scheduler.Environment{{Name: "default", Path: "/python3", Version: "3.11.7"}}}, nil, nil)
	if err != nil {
		w.Fatal(err)
	}
	won, err := w.sched.Claim(w.Context(), scheduler.ClaimRequest{Host: "h", Epoch: joined.Epoch, Job: id, Devices: []string{dev.UUID}, ClaimID: "c"})
	if err != nil {
		w.Fatal(err)
	}
	ref := scheduler.LeaseRef{Job: id, Fence: won.Fence}
	if err := w.sched.Start(w.Context(), ref); err != nil {
		w.Fatal(err)
	}
	if _, err := w.sched.Finish(w.Context(), ref, scheduler.Finish{Outcome: scheduler.OutcomeSucceeded, Result: scheduler.Result{Short: short}}); err != nil {
		w.Fatal(err)
	}
	return id
}

// app is a user's web application.
type app struct {
	*httptest.Server
	mu    sync.Mutex
	heard []string // what was asked for, in order
}

func newApp(t *testing.T, answer http.HandlerFunc) *app {
	t.Helper()
	a := &app{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.heard = append(a.heard, r.Method+" "+r.RequestURI)
		a.mu.Unlock()
		answer(rw, r)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *app) asked() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.heard...)
}

func ok(http.ResponseWriter, *http.Request) {}

// until waits for the callback of a job to be as wanted.
func (w *world) until(id scheduler.JobID, want func(scheduler.Callback) bool) scheduler.Callback {
	w.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		job, err := w.sched.Job(w.Context(), id)
		if err != nil {
			w.Fatal(err)
		}
		if want(job.Callback) {
			return job.Callback
		}
		select {
		case <-tick.C:
		case <-deadline:
			w.Fatalf("the callback of job %d: %+v", id, job.Callback)
		}
	}
}

func ended(c scheduler.Callback) bool { return c.State != "" }

func (w *world) wantFailed(id scheduler.JobID, text string) {
	w.Helper()
	c := w.until(id, ended)
	if c.State != scheduler.CallbackFailed || len(c.Tries) != 3 {
		w.Fatalf("job %d: %+v, want it failed after 3 tries", id, c)
	}
	for _, try := range c.Tries {
		if !strings.Contains(try.Text, text) {
			w.Errorf("job %d: %q, want %q", id, try.Text, text)
		}
		if strings.Contains(try.Text, "secret") {
			w.Errorf("job %d: %q tells the URL", id, try.Text)
		}
	}
}

func (w *world) wantMetric(name, label string, want float64) {
	w.Helper()
	families, err := w.reg.Gather()
	if err != nil {
		w.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && m.GetLabel()[0].GetValue() == label {
				if got := m.GetCounter().GetValue(); got != want {
					w.Errorf("%s %s is %v, want %v", name, label, got, want)
				}
				return
			}
		}
	}
	w.Errorf("there is no %s %s", name, label)
}
