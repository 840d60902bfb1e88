package agent_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/agent/agenttest"
	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
	"github.com/rs/zerolog"
)

// patience bounds every wait of these tests.
const patience = 60 * time.Second

// world is a store with a scheduler, and the server that agents need beside.
type world struct {
	t     testing.TB
	ctx   context.Context
	url   string // of the Redis; "" where the store is in memory
	store store.Store
	sched *scheduler.Scheduler
	shelf *shelf
	https *agenttest.HTTPS // what agents ask; nil: they have the store
	scale int
}

// newWorld has the store in memory.
func newWorld(t testing.TB, scale int) *world {
	t.Helper()
	st, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	return (&world{t: t, store: st, scale: scale}).open()
}

// newRedisWorld has it on a Redis, which is the shared one where none is given.
func newRedisWorld(t testing.TB, scale int, server *redistest.Server) *world {
	t.Helper()
	if server == nil {
		server = redistest.Shared(t)
	}
	w := &world{t: t, scale: scale, url: server.URL(redistest.Namespace(t))}
	var err error
	if w.store, err = redisstore.Open(context.Background(), w.url); err != nil {
		t.Fatal(err)
	}
	return w.open()
}

// newHTTPSWorld has it embedded, and agents ask a server.
func newHTTPSWorld(t testing.TB, scale int) *world {
	t.Helper()
	w := (&world{t: t, store: openers["embedded"](t), scale: scale}).open()
	w.https = agenttest.Serve(t, api.Options{Scheduler: w.sched, Store: w.store, Blobs: w.shelf.blobs})
	return w
}

// bothWays runs a test with agents on the store itself, and with agents that
// have a server only.
func bothWays(t *testing.T, scale int, test func(*testing.T, *world)) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB, int) *world{"on the store": newWorld, "over HTTPS": newHTTPSWorld} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t, scale))
		})
	}
}

// scheduler is that of a host's agent.
func (w *world) scheduler(host string) agent.Scheduler {
	if w.https != nil {
		return w.https.Agent(host)
	}
	return w.sched
}

func (w *world) open() *world {
	w.t.Helper()
	var cancel context.CancelFunc
	w.ctx, cancel = context.WithCancel(context.Background())
	var err error
	if w.sched, err = scheduler.New(w.store, w.schedulerOptions()); err != nil {
		w.t.Fatal(err)
	}
	w.shelf = newShelf(w.t)
	done := make(chan error, 1)
	go func() { done <- w.sched.Run(w.ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		if err := w.store.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return w
}

func (w *world) schedulerOptions() scheduler.Options {
	return scheduler.Options{Timing: scheduler.DefaultTiming().Scale(w.scale), Log: testLog(w.t), Ring: ring}
}

// testLog shows what happened only where a test fails, or with -v.
func testLog(t testing.TB) zerolog.Logger {
	return zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.InfoLevel)
}

// until looks again and again, for as long as patience lasts.
func (w *world) until(what string, holds func() bool, otherwise func() string) {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(end) {
			w.t.Fatalf("waited in vain for %s; %s", what, otherwise())
		}
	}
}

// handedOn: the device takes another job, and nothing of the last one is there.
func (w *world) handedOn() {
	w.t.Helper()
	next := w.submit(call(alone+"def f(msg):\n    return msg", 1))
	if got := w.value(next); got != "1" {
		w.t.Errorf("the next job gave %s", got)
	}
}

// told: why something ended is said in these words, on one line.
func (w *world) told(got string, words ...string) {
	w.t.Helper()
	for _, word := range words {
		if !strings.Contains(got, word) || strings.Contains(got, "\n") {
			w.t.Errorf("it says %q, without %q", got, word)
		}
	}
}
