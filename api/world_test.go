package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/api/secrets"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/highwater"
	"github.com/mlq-dev/mlq/internal/token"
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
	w := &world{TB: t, st: st, blobs: blobs, tokens: auth.New(st), client: http.DefaultClient}
	var err error
	w.sched, err = scheduler.New(st, scheduler.Options{HighWater: highwater.New(filepath.Join(t.TempDir(), "id"))})
	must(t, err)
	opts := api.Options{
		Scheduler: w.sched, Store: st, Tokens: w.tokens, Blobs: blobs, Secrets: secrets.New(st, filepath.Join(t.TempDir(), "secret.key")), Log: zerolog.Nop(), Version: "test", Metrics: reg,
	}
	for _, c := range change {
		c(&opts)
	}
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

// answer is an answer that was read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) problem(t testing.TB) api.Problem {
	t.Helper()
	var p api.Problem
	if a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("status %d is no problem: %s %q", a.status, a.header.Get("Content-Type"), a.body)
	}
	must(t, json.Unmarshal(a.body, &p))
	return p
}

// header sets a header of a request.
type header struct{ name, value string }

func (w *world) do(token, method, path string, body any, headers ...header) answer {
	w.Helper()
	request, err := http.NewRequestWithContext(w.Context(), method, w.url+path, reader(body))
	must(w, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
		if method == "PUT" || path == "/blobs" {
			request.Header.Set("Content-Type", "application/octet-stream")
		}
	}
	for _, h := range headers {
		if h.name == "Host" {
			request.Host = h.value
		}
		request.Header.Set(h.name, h.value)
		if h.value == "" {
			request.Header.Del(h.name)
		}
	}
	return w.send(request)
}

func reader(body any) io.Reader {
	switch b := body.(type) {
	case string:
		return strings.NewReader(b)
	case []byte:
		return bytes.NewReader(b)
	case io.Reader:
		return b
	}
	return nil
}

// send sends a request and holds its answer to the contract.
func (w *world) send(request *http.Request) answer {
	w.Helper()
	sent := &sentBody{ReadCloser: request.Body}
	if request.Body != nil {
		request.Body = sent
	}
	response, err := w.client.Do(request)
	must(w, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	must(w, err)
	a := answer{response.StatusCode, response.Header, text}
	w.conform(request, sent.soFar(), a)
	return a
}

// sentBody is a body that notes what is read of it, which may go on after an
// early answer.
type sentBody struct {
	io.ReadCloser
	mu   sync.Mutex
	sent []byte
}

// Read reads and notes.
func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent = append(b.sent, p[:n]...)
	return n, err
}

func (b *sentBody) soFar() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.sent)
}

// refused asserts status and code of an answer.
func (w *world) refused(a answer, status int, code api.Code) api.Problem {
	w.Helper()
	p := a.problem(w)
	if a.status != status || p.Code != code || p.Status != status || p.RequestID == "" || p.Title == "" {
		w.Errorf("got %d %s (%s), want %d %s", a.status, p.Code, p.Detail, status, code)
	}
	if ourSteps.MatchString(p.Detail) {
		w.Errorf("%s names a step of ours: %q", p.Code, p.Detail)
	}
	return p
}

// ourSteps is how errors begin on their way up; it is nothing to a caller.
var ourSteps = regexp.MustCompile(`^(submit|jobs|read|list|count|cancel|requeue|purge|revoke|drain|why|spec of|result of)\b[^:]*: `)

// ok asserts a status and reads the JSON of an answer.
func (w *world) ok(a answer, status int, into any) {
	w.Helper()
	if a.status != status {
		w.Fatalf("got %d %s, want %d", a.status, a.body, status)
	}
	if into != nil {
		must(w, json.Unmarshal(a.body, into))
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

// join makes the test an agent with two CPU slots that meet every request.
func (w *world) join() {
	w.Helper()
	w.inv = scheduler.Inventory{Host: "node1", BootID: "b1", Version: "test", Environments: []scheduler.Environment{
		{Name: "default", Path: "/usr/bin/python3", Version: "3.11.7", Cloudpickle: "3.0.0"},
	}}
	for i := range 2 {
		w.inv.Devices = append(w.inv.Devices, scheduler.DeviceReport{State: gpu.Free, Device: gpu.Device{
			UUID: fmt.Sprintf("CPU-%d", i), Index: i, Kind: gpu.KindCPU, Model: "CPU slot", StandIn: true,
		}})
	}
	joined, err := w.sched.Join(w.Context(), w.inv, nil, nil)
	must(w, err)
	w.epoch = joined.Epoch
}

// lease is a claimed attempt in the hands of the test.
type lease struct {
	*world
	ref   scheduler.LeaseRef
	n     int
	token string // of the attempt
}

// claim takes a job as an agent does.
func (w *world) claim(id scheduler.JobID, device int) lease {
	w.Helper()
	if w.epoch == 0 {
		w.join()
	}
	w.claims++
	secret := token.NewSecret()
	hash := token.Hash(secret)
	won, err := w.sched.Claim(w.Context(), scheduler.ClaimRequest{
		Host: "node1", Epoch: w.epoch, Job: id, Devices: []string{fmt.Sprintf("CPU-%d", device)},
		ClaimID: fmt.Sprintf("claim-%d", w.claims), TokenSHA256: hash[:],
	})
	must(w, err)
	n := won.Job.Attempt().N
	return lease{w, scheduler.LeaseRef{Job: id, Fence: won.Fence}, n, token.Attempt(int64(id), n, secret)}
}

func (w *world) start(id scheduler.JobID, device int) lease {
	w.Helper()
	l := w.claim(id, device)
	must(w, w.sched.Start(w.Context(), l.ref))
	return l
}

// succeed finishes with a result envelope, inline or as a blob by its size.
func (l lease) succeed(h envelope.Header, parts ...envelope.Part) {
	l.Helper()
	h.Kind = envelope.KindResult
	l.finish(scheduler.Finish{Outcome: scheduler.OutcomeSucceeded}, h, parts...)
}

func (l lease) finish(f scheduler.Finish, h envelope.Header, parts ...envelope.Part) {
	l.Helper()
	data, err := envelope.Encode(h, parts...)
	must(l, err)
	f.Result.SHA256, f.Result.Size, f.Result.Short = blob.Sum(data), int64(len(data)), h.Short
	if len(data) <= scheduler.InlineLimit {
		f.Result.Inline, f.Inline = true, data
	} else {
		l.ok(l.do(l.agent, "PUT", "/blobs/"+f.Result.SHA256, data), http.StatusCreated, nil)
	}
	_, err = l.sched.Finish(l.Context(), l.ref, f)
	must(l, err)
}

func view(data string) envelope.Part { return envelope.Part{Name: "view", Data: []byte(data)} }

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
