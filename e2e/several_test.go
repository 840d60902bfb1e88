package e2e

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
)

// lab is some servers and an agent on one Redis.
type lab struct {
	t       *testing.T
	dir     string
	redis   string
	gpus    string
	servers []*daemon
	agent   *daemon
	admin   string   // token
	scale   string   // MLQ_TIME_SCALE; "" is 10
	more    []string // of the servers' environment
}

// newLab starts n servers that share a folder of blobs, and an agent that
// talks to the first.
func newLab(t *testing.T, n int) *lab {
	t.Helper()
	return newLabOn(t, n, redistest.Shared(t).URL(redistest.Namespace(t)), "cpu:2")
}

// newPatientLab is newLab with leases of 15 s: what runs outlives the start of
// another agent, which takes seconds on a busy machine.
func newPatientLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, dir: labDir(t), redis: redistest.Shared(t).URL(redistest.Namespace(t)), gpus: "cpu:2", scale: "4"}
	return l.open(1)
}

// newLabOn is newLab with a Redis and devices of its own.
func newLabOn(t *testing.T, n int, redis, gpus string) *lab {
	t.Helper()
	return (&lab{t: t, dir: labDir(t), redis: redis, gpus: gpus}).open(n)
}

func (l *lab) open(n int) *lab {
	l.t.Helper()
	for i := range n {
		l.servers = append(l.servers, l.start("serve", "--data", filepath.Join(l.dir, fmt.Sprint("server", i)), "--blobs", filepath.Join(l.dir, "blobs")))
	}
	l.admin = strings.TrimSpace(l.read("server0/admin.token"))
	l.startAgent()
	return l
}

func (l *lab) startAgent() {
	l.t.Helper()
	token := filepath.Join(l.dir, "agent.token")
	if _, err := os.Stat(token); err != nil {
		if err := os.WriteFile(token, []byte(l.mlq("token", "create", "--user", "gpu1", "--role", "agent")), 0o600); err != nil {
			l.t.Fatal(err)
		}
	}
	l.agent = l.start("agent", "--data", filepath.Join(l.dir, "agent"), "--server", l.servers[0].url,
		"--token-file", token, "--name", "gpu1", "--gpus", l.gpus, "--python", python)
	l.eventually(`gpu1 +ok`, "hosts")
}

func (l *lab) start(args ...string) *daemon {
	l.t.Helper()
	if args[0] == "serve" {
		args = append(args, "--listen", "127.0.0.1:0", "--signing-key-file", filepath.Join(l.dir, "signing.key"))
	} else if l.redis == "memory:" { // the server's own
		return l.begin(args...)
	}
	return l.beginIn(append(l.env(), "MLQ_STORE="+l.redis), args...) // it may hold a password
}

// begin starts mlq with these arguments alone, and stops it at the end of the test.
func (l *lab) begin(args ...string) *daemon {
	l.t.Helper()
	return l.beginIn(l.env(), args...)
}

func (l *lab) beginIn(env []string, args ...string) *daemon {
	l.t.Helper()
	d, err := startDaemon(l.dir, env, args...)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		if d.running() {
			if err := d.stop(); err != nil {
				l.t.Error(err)
			}
		}
		if l.t.Failed() {
			l.t.Logf("mlq %s:\n%s", args[0], d.log.String())
		}
	})
	return d
}

func (l *lab) env() []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.dir, "MLQ_TIME_SCALE=" + cmp.Or(l.scale, "10")}, l.more...)
}

func (l *lab) read(name string) string {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(l.dir, name))
	if err != nil {
		l.t.Fatal(err)
	}
	return string(text)
}

// roundRobin is a proxy that sends each request to the next server.
func roundRobin(t *testing.T, servers []*daemon) string {
	t.Helper()
	var turn atomic.Uint64
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1, // events and logs are to arrive as they come
		Rewrite: func(r *httputil.ProxyRequest) {
			next := servers[turn.Add(1)%uint64(len(servers))]
			to, err := url.Parse(next.url)
			if err != nil {
				t.Error(err)
			}
			r.SetURL(to)
		},
	}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	return front.URL
}

// TestSeveralServers: what one server took, every other one can tell.
func TestSeveralServers(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3)
	t.Run("submit here, read there", func(t *testing.T) {
		l.submitHereReadThere(t, l.servers[0].url, l.servers[1].url, l.servers[2].url)
	})
	t.Run("behind a proxy", func(t *testing.T) {
		front := roundRobin(t, l.servers)
		l.submitHereReadThere(t, front, front, front)
		l.manyBehind(t, front)
	})
}

// submitHereReadThere submits at one server; the result is read at the next,
// and log and events at a third.
func (l *lab) submitHereReadThere(t *testing.T, first, second, third string) {
	const size = 100 << 20
	id := l.post(t, first, "import random\n\n"+
		"def big(n):\n    print('making', n, 'bytes')\n    return random.Random(7).randbytes(n)\n", "big", size)
	sum := sha256.New()
	body := l.get(t, second, "/jobs/"+id+"/result?wait=30s")
	if n, err := io.Copy(sum, body); n != size || err != nil {
		t.Fatalf("the other server gave %d bytes, %v", n, err)
	}
	if got, want := hex.EncodeToString(sum.Sum(nil)), l.expected(size); got != want {
		t.Errorf("SHA-256 of the result is %s, want %s", got, want)
	}
	if log := text(t, l.get(t, third, "/jobs/"+id+"/logs")); !strings.Contains(log, "making") {
		t.Errorf("log at the third server: %q", log)
	}
	text(t, l.get(t, first, "/readyz")) // behind a proxy: one on, past the server that took the job
	events := text(t, l.get(t, second, "/jobs/"+id+"/events"))
	for _, kind := range []string{"submitted", "running", "succeeded"} {
		if !strings.Contains(events, `"kind":"`+kind+`"`) {
			t.Errorf("no event %q at the other server:\n%s", kind, events)
		}
	}
}

// expected is the digest of what the job makes, made here.
func (l *lab) expected(size int) string {
	l.t.Helper()
	program := fmt.Sprintf("import hashlib, random; print(hashlib.sha256(random.Random(7).randbytes(%d)).hexdigest())", size)
	return strings.TrimSpace(l.command(python, "-c", program))
}

func (l *lab) manyBehind(t *testing.T, front string) {
	for i := range 6 {
		id := l.post(t, front, "def double(n):\n    print('doubling', n)\n    return 2 * n\n", "double", i)
		if got := text(t, l.get(t, front, "/jobs/"+id+"/result?wait=30s")); got != fmt.Sprint(2*i) {
			t.Errorf("job %s returned %q, want %d", id, got, 2*i)
		}
		if got := text(t, l.get(t, front, "/jobs/"+id+"/logs?follow=1")); got != fmt.Sprintf("doubling %d\n", i) {
			t.Errorf("job %s printed %q", id, got)
		}
	}
}

// post submits source and returns the job's id.
func (l *lab) post(t *testing.T, server, source, function string, msg any) string {
	t.Helper()
	body := fmt.Sprintf(`{"source": %q, "function": %q, "msg": %v}`, source, function, msg)
	response := l.do(t, http.MethodPost, server+"/jobs", []byte(body))
	return text(t, response.Body)
}

func (l *lab) get(t *testing.T, server, path string) io.ReadCloser {
	t.Helper()
	return l.do(t, http.MethodGet, server+path, nil).Body
}

func (l *lab) do(t *testing.T, method, url string, body []byte) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+l.admin)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s %s", method, url, response.Status, text(t, response.Body))
	}
	return response
}

func text(t *testing.T, r io.Reader) string {
	t.Helper()
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}
