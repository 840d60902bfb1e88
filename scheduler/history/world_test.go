package history_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

// hosts: two that have two processes each, one that falls silent, and the one
// that runs at the end what is left.
const (
	hosts   = 4
	devices = 2  // of each
	steps   = 80 // of each process and user
)

// world is some agents and users on one store.
type world struct {
	t    testing.TB
	ctx  context.Context
	open func() store.Store // one for each process: what it sees of the store
	seed uint64
	recorder

	trouble func() (end func()) // begins when all have their connections
	noFence bool                // a mutant: agents finish with whatever fence is current

	mu   sync.Mutex
	jobs []scheduler.JobID
}

// server runs the loops: leases of silent agents end there.
func (w *world) server() *scheduler.Scheduler {
	s := w.scheduler()
	ctx, stop := context.WithCancel(w.ctx)
	var wg sync.WaitGroup
	wg.Go(func() { s.Run(ctx) })
	w.t.Cleanup(func() { stop(); wg.Wait() })
	return s
}

// scheduler gives what one process has: a scheduler of its own.
func (w *world) scheduler() *scheduler.Scheduler {
	st := &storetest.Faulty{Store: leaving{w.open()}, Inject: inject}
	// Not faster: under load the steps of a living agent must fit in between.
	s, err := scheduler.New(st, scheduler.Options{Timing: scheduler.DefaultTiming().Scale(40)})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) know(id scheduler.JobID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.jobs, id) {
		w.jobs = append(w.jobs, id)
	}
}

func (w *world) known() []scheduler.JobID {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.jobs)
}

// live lets all of them live at once, in trouble, and returns when each has
// done its steps and the trouble is over.
func (w *world) live() {
	var lives []func()
	for i := range 2 {
		lives = append(lives, (&user{client: w.client(fmt.Sprint("user-", i), uint64(i))}).live)
	}
	for i := range 2*2 + 1 {
		lives = append(lives, (&agent{client: w.client(fmt.Sprintf("%c", 'A'+i), uint64(10+i)), host: i / 2}).live)
	}
	if w.trouble != nil {
		defer w.trouble()()
	}
	var wg sync.WaitGroup
	for _, live := range lives {
		wg.Go(live)
	}
	wg.Wait()
}

// settle lets one more agent run what is left, until every job has ended, and
// gives the last records of all.
func (w *world) settle() map[scheduler.JobID]scheduler.Job {
	a := &agent{client: w.client("last", 99), host: hosts - 1, healthy: true}
	deadline := time.Now().Add(30 * time.Second)
	pace := time.NewTicker(10 * time.Millisecond) // leases of the silent end with time
	defer pace.Stop()
	for a.join(); ; <-pace.C {
		last := w.last()
		open := slices.DeleteFunc(w.known(), func(id scheduler.JobID) bool { return last[id].State.Final() })
		if len(open) == 0 {
			return last
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("jobs that never end: %+v", last[open[0]])
		}
		for _, id := range open {
			a.renew()
			a.claim(id, last[id].Devices)
			a.startAll()
			a.finishAll()
		}
	}
}

// last reads the records, those of requeued jobs included.
func (w *world) last() map[scheduler.JobID]scheduler.Job {
	s := w.scheduler()
	out := make(map[scheduler.JobID]scheduler.Job)
	ids := w.known()
	for len(ids) > 0 {
		id := ids[0]
		j, err := s.Job(w.ctx, id)
		if err != nil {
			w.t.Fatal(err)
		}
		out[id], ids = j, ids[1:]
		if _, seen := out[j.RequeuedAs]; j.RequeuedAs != 0 && !seen {
			w.know(j.RequeuedAs)
			ids = append(ids, j.RequeuedAs)
		}
	}
	return out
}

// client is whoever calls.
type client struct {
	*rand.Rand
	w    *world
	s    *scheduler.Scheduler
	name string
}

func (w *world) client(name string, n uint64) client {
	return client{rand.New(rand.NewPCG(w.seed, n)), w, w.scheduler(), name}
}

// do makes one call, with whatever befalls it.
func (c *client) do(what call, calls func(ctx context.Context, what *call) error) call {
	ctx, leave := fated(c.w.ctx, c.Rand, what.kind)
	defer leave()
	what.by = c.name
	return c.w.record(what, func(what *call) error { return calls(ctx, what) })
}

// any picks a job, the last ones more often.
func (c *client) any() (scheduler.JobID, bool) {
	jobs := c.w.known()
	if len(jobs) == 0 {
		return 0, false
	}
	return jobs[max(c.IntN(len(jobs)), c.IntN(len(jobs)))], true
}

func (c *client) read(id scheduler.JobID) {
	c.do(call{kind: read, job: id}, func(ctx context.Context, what *call) error {
		j, err := c.s.Job(ctx, id)
		what.state, what.short, what.cancel = j.State, j.Result.Short, j.CancelRequested
		if j.State.Active() {
			what.fence = j.Attempt().Fence
		}
		return err
	})
}

// card is a device of a host.
func card(host, i int) gpu.Device {
	return gpu.Device{UUID: fmt.Sprintf("SIM-%d-%d", host, i), Index: i, Kind: gpu.KindSim, Model: "sim", Memory: 80 << 30}
}
