package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/agent/agenttest"
	"github.com/mlq-dev/mlq/agent/pyenv"
	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/agentclient"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
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
	return scheduler.Options{Timing: scheduler.DefaultTiming().Scale(w.scale), Log: testLog(w.t)}
}

// testLog shows what happened only where a test fails, or with -v.
func testLog(t testing.TB) zerolog.Logger {
	return zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.InfoLevel)
}

// host is an agent of a test.
type host struct {
	w     *world
	name  string
	data  string
	gpus  string
	agent *agent.Agent       // of one in this process
	cmd   *exec.Cmd          // of a child
	out   *bytes.Buffer      // of a child
	stop  context.CancelFunc // of one in this process
	ended chan error         // has the end, once
}

// start runs an agent in this process.
func (w *world) start(name, gpus string, change func(*agent.Options)) *host {
	w.t.Helper()
	h := &host{w: w, name: name, gpus: gpus, data: w.t.TempDir(), ended: make(chan error, 1)}
	h.run(change)
	return h
}

func (h *host) run(change func(*agent.Options)) {
	h.w.t.Helper()
	joined := make(chan struct{}, 16)
	o, err := hostOptions(h.name, h.data, h.gpus, h.w.scheduler(h.name), h.w.shelf.http.URL, python)
	if err != nil {
		h.w.t.Fatal(err)
	}
	o.Log = testLog(h.w.t).With().Str("host", h.name).Logger()
	o.Joined = func(uint64) { joined <- struct{}{} }
	if change != nil {
		change(&o)
	}
	a, err := agent.New(h.w.ctx, o)
	if err != nil {
		h.w.t.Fatal(err)
	}
	h.agent = a
	ctx, cancel := context.WithCancel(h.w.ctx)
	h.stop = cancel
	go func() {
		err := a.Run(ctx)
		if closeErr := a.Close(); err == nil {
			err = closeErr
		}
		h.ended <- err
	}()
	h.w.t.Cleanup(func() { h.end(); h.killSlots() })
	select {
	case <-joined:
	case err := <-h.ended:
		h.w.t.Fatalf("the agent ended: %v", err)
	case <-time.After(patience):
		h.w.t.Fatal("the agent did not join")
	}
}

// end stops the agent and gives what Run returned; again, nil.
func (h *host) end() error {
	h.stop()
	select {
	case err := <-h.ended:
		h.ended <- nil
		return err
	case <-time.After(patience):
		var stacks bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1) // into memory
		h.w.t.Errorf("the agent did not end; %s", &stacks)
		return nil
	}
}

// hostOptions are those of every agent of these tests.
func hostOptions(name, data, gpus string, s agent.Scheduler, url string, python pyenv.Candidate) (agent.Options, error) {
	seed, err := gpu.Seed(data)
	if err != nil {
		return agent.Options{}, err
	}
	var provider gpu.Provider // "": the test's own
	if gpus != "" {
		if provider, err = gpu.ParseSpec(gpus, gpu.SpecOptions{Seed: seed}); err != nil {
			return agent.Options{}, err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return agent.Options{}, err
	}
	return agent.Options{
		Name: name, DataDir: data, Provider: provider, Pythons: []pyenv.Candidate{python},
		Scheduler: s, API: shelfClient{url}, URL: url, SlotCommand: []string{self, asSlot},
		LockDir: filepath.Dir(data), Version: testVersion,
	}, nil
}

// spawn runs an agent in a process of its own. Not with a store in memory.
func (w *world) spawn(name, gpus string) *host {
	w.t.Helper()
	h := &host{w: w, name: name, gpus: gpus, data: w.t.TempDir()}
	h.respawn()
	w.t.Cleanup(h.killSlots)
	return h
}

func (h *host) respawn() {
	h.w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		h.w.t.Fatal(err)
	}
	h.out = &bytes.Buffer{}
	place := h.w.url
	if h.w.https != nil {
		place = h.w.https.URL()
	}
	h.cmd = exec.Command(self, asAgent, h.name, h.data, h.gpus, place, h.w.shelf.http.URL, strconv.Itoa(h.w.scale), python.Path)
	if h.w.https != nil {
		h.cmd.Env = append(os.Environ(), childToken+"="+h.w.https.Token(h.name, auth.RoleAgent), childTrust+"="+h.w.https.CertificateFile())
	}
	h.cmd.Stderr = h.out
	ready, err := h.cmd.StdoutPipe()
	if err != nil {
		h.w.t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		h.w.t.Fatal(err)
	}
	cmd := h.cmd
	h.w.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if h.w.t.Failed() {
			h.w.t.Logf("agent %s: %s", h.name, h.out)
		}
	})
	line := make([]byte, 7)
	if _, err := ready.Read(line); err != nil {
		h.w.t.Fatalf("the agent did not join: %v: %s", err, h.out)
	}
}

// kill ends the agent's process at once.
func (h *host) kill() {
	h.w.t.Helper()
	if err := h.cmd.Process.Kill(); err != nil {
		h.w.t.Fatal(err)
	}
	_ = h.cmd.Wait() // killed, as it says
}

func runChild(ctx context.Context, args []string) error {
	name, data, gpus, storeURL, server := args[0], args[1], args[2], args[3], args[4]
	scale, err := strconv.Atoi(args[5])
	if err != nil {
		return err
	}
	log := zerolog.New(os.Stderr).With().Timestamp().Logger()
	s, done, err := childScheduler(ctx, name, storeURL, scheduler.Options{Timing: scheduler.DefaultTiming().Scale(scale), Log: log})
	if err != nil {
		return err
	}
	defer done()
	o, err := hostOptions(name, data, gpus, s, server, pyenv.Candidate{Name: pyenv.Default, Path: args[6]})
	if err != nil {
		return err
	}
	o.Log = log
	o.Joined = func(uint64) { fmt.Println("joined") }
	a, err := agent.New(ctx, o)
	if err != nil {
		return err
	}
	defer a.Close()
	return a.Run(ctx)
}

// Variables of a child that asks a server.
const (
	childToken = "AGENT_TEST_TOKEN"
	childTrust = "AGENT_TEST_CERTIFICATE"
)

// childScheduler is on a Redis, or asks a server.
func childScheduler(ctx context.Context, name, place string, o scheduler.Options) (agent.Scheduler, func() error, error) {
	if strings.HasPrefix(place, "https://") {
		client, err := agenttest.ClientFor(os.Getenv(childTrust))
		return agentclient.New(agentclient.Options{
			Server: place, Token: os.Getenv(childToken), Host: name, HTTP: client, Timing: o.Timing,
		}), func() error { return nil }, err
	}
	st, err := redisstore.Open(ctx, place)
	if err != nil {
		return nil, nil, err
	}
	s, err := scheduler.New(st, o)
	return s, st.Close, err
}

// slots finds the processes of the host's slots by their command line.
func (h *host) slots() (pids []int) {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		h.w.t.Fatal(err)
	}
	for _, path := range lines {
		line, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(line), asSlot+"\x00") || !strings.Contains(string(line), "--dir="+h.data+"/") {
			continue // gone, or somebody else's
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (h *host) killSlots() {
	for _, pid := range h.slots() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			h.w.t.Errorf("kill slot %d: %v", pid, err)
		}
	}
}

// submit queues a job of ana's.
func (w *world) submit(body string) scheduler.JobID {
	w.t.Helper()
	return w.submitAs("ana", body)[0]
}

func (w *world) submitAs(user string, bodies ...string) []scheduler.JobID {
	w.t.Helper()
	subs := make([]scheduler.Submission, len(bodies))
	for i, body := range bodies {
		subs[i] = w.parse(body)
	}
	done, err := w.sched.Submit(w.ctx, scheduler.Who{User: user}, subs, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return done.IDs
}

func (w *world) parse(body string) scheduler.Submission {
	w.t.Helper()
	p, err := submission.Parse(scheduler.MediaJSON, []byte(body))
	if err != nil {
		w.t.Fatalf("%s: %v", body, err)
	}
	return p.Submission
}

// call is a submission of a Python function f with its message, and more fields.
func call(source string, msg any, more ...string) string {
	fields := map[string]any{"source": source, "function": "f", "msg": msg}
	for _, m := range more {
		name, value, _ := strings.Cut(m, "=")
		fields[name] = json.RawMessage(value)
	}
	text, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// await waits until a job is as wanted.
func (w *world) await(id scheduler.JobID, what string, want func(scheduler.Job) bool) scheduler.Job {
	w.t.Helper()
	var job scheduler.Job
	w.until(fmt.Sprintf("job %d %s", id, what), func() bool {
		var err error
		job, err = w.sched.Job(w.ctx, id)
		return err == nil && want(job)
	}, func() string { return fmt.Sprintf("it is %+v", job) })
	return job
}

func (w *world) awaitState(id scheduler.JobID, s scheduler.State) scheduler.Job {
	w.t.Helper()
	return w.await(id, "to be "+string(s), func(j scheduler.Job) bool {
		if j.State != s && j.State.Final() {
			w.t.Fatalf("job %d is %s (%s: %s), not %s; log: %s", id, j.State, j.Reason, j.Detail, s, w.shelf.log(w.t, id, len(j.Attempts)))
		}
		return j.State == s
	})
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

// value is the JSON view of a job's result.
func (w *world) value(id scheduler.JobID) string {
	w.t.Helper()
	job := w.awaitState(id, scheduler.Succeeded)
	_, data, err := w.sched.JobWithResult(w.ctx, id)
	if !job.Result.Inline {
		data, err = w.shelf.read(job.Result.SHA256, 1<<30)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	h, err := envelope.Parse(data)
	if err != nil {
		w.t.Fatal(err)
	}
	view, ok := h.Frame("view")
	if !ok {
		w.t.Fatalf("no view in %+v", h)
	}
	return string(data[view.Offset : view.Offset+view.Size])
}
