package api_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/api/secrets"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/highwater"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// world is a server on a real store and scheduler, with an agent that the
// test plays, and a token of each role.
type world struct {
	testing.TB
	url    string
	client *http.Client
	st     store.Store
	sched  *scheduler.Scheduler
	blobs  *blob.Folder
	tokens *auth.Tokens
	api    *api.Server
	// admin, ana, bob, agent and prom are tokens; nodeToken is that of the agent that the
	// test plays, agent another host's.
	admin, ana, bob, nodeToken, agent, prom string

	inv    scheduler.Inventory
	epoch  uint64
	claims int
}

func newWorld(t testing.TB, change ...func(*api.Options)) *world {
	t.Helper()
	st, err := localstore.OpenMemory()
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	blobs, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = blobs.Close() })
	return worldOn(t, st, blobs, change...)
}

// worldOn serves a store and a folder of blobs.
func worldOn(t testing.TB, st store.Store, blobs *blob.Folder, change ...func(*api.Options)) *world {
	t.Helper()
	reg := prometheus.NewRegistry()
	st = api.MeasureStore(st, reg)
	opts := api.Options{
		Store: st, Blobs: blobs, Secrets: secrets.New(st, filepath.Join(t.TempDir(), "secret.key")), Log: zerolog.Nop(), Version: "test", Metrics: reg,
	}
	for _, c := range change {
		c(&opts)
	}
	w := &world{TB: t, st: st, blobs: blobs, tokens: auth.New(st, auth.Options{Ring: opts.Ring, Log: opts.Log}), client: http.DefaultClient}
	var err error
	w.sched, err = scheduler.New(st, scheduler.Options{HighWater: highwater.New(filepath.Join(t.TempDir(), "id")), Ring: opts.Ring})
	must(t, err)
	opts.Scheduler, opts.Tokens = cmp.Or(opts.Scheduler, w.sched), w.tokens
	w.api, err = api.New(opts)
	must(t, err)
	w.background("scheduler", w.sched.Run)
	w.url = w.listen()
	if opts.TLS != nil {
		w.url = "https" + strings.TrimPrefix(w.url, "http")
		w.client = trusting(opts.TLS)
	}
	w.admin, w.agent, w.prom = w.token("root", auth.RoleAdmin), w.token("host", auth.RoleAgent), w.token("prom", auth.RoleMetrics)
	w.nodeToken = w.token("node1", auth.RoleAgent)
	w.ana, w.bob = w.token("ana", auth.RoleUser), w.token("bob", auth.RoleUser)
	w.register("f", "ana", "bob", "root", "")
	return w
}

// register has users have a function, so that their messages are queued.
func (w *world) register(name string, users ...string) {
	w.Helper()
	for _, user := range users {
		w.functionsAre(user, scheduler.Function{Name: name, SHA256: blob.Sum([]byte(name))})
	}
}

// functionsAre has a user have these functions and no others.
func (w *world) functionsAre(user string, list ...scheduler.Function) {
	w.Helper()
	must(w, w.sched.ChangeFunctions(w.Context(), user, func([]scheduler.Function, time.Time, bool) ([]scheduler.Function, error) {
		return list, nil
	}))
}

// pickled is a pickle of a function of that name, by reference.
func pickled(name string) string { return "c__main__\n" + name + "\n." }

func (w *world) listen() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(w, err)
	w.background("server", func(ctx context.Context) error { return w.api.Serve(ctx, ln) })
	return "http://" + ln.Addr().String()
}

// background runs until the test ends.
func (w *world) background(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	w.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			w.Errorf("%s: %v", name, err)
		}
	})
}

func (w *world) token(user string, role auth.Role) string {
	text, _, err := w.tokens.Create(w.Context(), auth.Wanted{User: user, Role: role})
	must(w, err)
	return text
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) submit(token, body string, headers ...header) scheduler.JobID {
	w.Helper()
	var id scheduler.JobID
	w.ok(w.do(token, "POST", "/jobs", body, headers...), http.StatusCreated, &id)
	return id
}

func (w *world) job(token string, id scheduler.JobID) api.Job {
	w.Helper()
	var j api.Job
	w.ok(w.do(token, "GET", path(id, ""), nil), http.StatusOK, &j)
	return j
}

func path(id scheduler.JobID, more string) string { return fmt.Sprintf("/jobs/%d%s", id, more) }

// eventually polls until a condition holds, within a deadline.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}
