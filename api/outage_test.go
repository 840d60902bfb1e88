package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// onRedis is a world on a Redis of its own.
func onRedis(t *testing.T, server *redistest.Server) *world {
	t.Helper()
	st, err := redisstore.Open(t.Context(), server.URL("n"))
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	blobs, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = blobs.Close() })
	return worldOn(t, st, blobs)
}

// key makes a submit safe to repeat.
var key = header{"Idempotency-Key", "through the outage"}

// unavailable asks for this and that while the store does not answer.
func (w *world) unavailable(before scheduler.JobID) {
	w.Helper()
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"POST", "/jobs", `{"msg":1}`},
		{"POST", "/jobs/batch", `{"jobs":[{"msg":1},{"msg":2}]}`},
		{"GET", path(before, ""), nil},
		{"GET", path(before, "/result"), nil},
		{"DELETE", path(before, ""), nil},
		{"GET", "/jobs/count", nil},
	} {
		a := w.do(w.ana, c.method, c.path, c.body, key)
		w.refused(a, http.StatusServiceUnavailable, api.CodeUnavailable)
		if wait := a.header.Get("Retry-After"); wait != "2" {
			w.Errorf("%s %s: Retry-After %q", c.method, c.path, wait)
		}
	}
	if a := w.do("", "GET", "/readyz", nil); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "2" {
		w.Errorf("readyz answers %d %s", a.status, a.body)
	}
	if a := w.do("", "GET", "/healthz", nil); a.status != http.StatusOK {
		w.Errorf("healthz answers %d", a.status)
	}
}

// nothingHalfDone repeats the submit when the store is back: it makes one job,
// and nothing else was done meanwhile.
func (w *world) nothingHalfDone(before scheduler.JobID) {
	w.Helper()
	var ids [2]scheduler.JobID
	for i := range ids {
		eventually(w, "the submit is taken again", func() bool {
			a := w.do(w.ana, "POST", "/jobs", `{"msg":1}`, key)
			if a.status != http.StatusCreated {
				w.refused(a, http.StatusServiceUnavailable, api.CodeUnavailable)
				return false
			}
			w.ok(a, http.StatusCreated, &ids[i])
			return true
		})
	}
	if ids[0] != ids[1] || ids[0] == before {
		w.Errorf("the same key gave the jobs %d and %d", ids[0], ids[1])
	}
	if n := w.count(); n != 2 {
		w.Errorf("%d jobs, want the one from before and the one that was repeated", n)
	}
	if j := w.job(w.ana, before); j.State != scheduler.Queued || j.CancelRequested {
		w.Errorf("the job from before is %s", j.State)
	}
}

// TestRedisDown: nobody answers.
func TestRedisDown(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "always")
	w := onRedis(t, server)
	before := w.submit(w.ana, `{"msg":0}`)
	server.Kill(t)
	w.unavailable(before)
	server.Restart(t)
	w.nothingHalfDone(before)
}

// TestRedisBusy: somebody's script runs for too long, and Redis answers BUSY.
func TestRedisBusy(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--busy-reply-threshold", "20")
	w := onRedis(t, server)
	before := w.submit(w.ana, `{"msg":0}`)
	killed := make(chan string, 1)
	go func() { killed <- server.Say(t, `EVAL "while true do end" 0`) }()
	eventually(t, "Redis is busy", func() bool { return strings.HasPrefix(server.Say(t, "PING"), "-BUSY") })
	w.unavailable(before)
	if got := server.Say(t, "PING"); !strings.HasPrefix(got, "-BUSY") {
		t.Fatalf("the script has ended too early: %s", got)
	}
	if got := server.Say(t, "SCRIPT KILL"); got != "+OK" {
		t.Fatal(got)
	}
	<-killed
	w.nothingHalfDone(before)
}

// TestRedisLoading: Redis was restarted, and reads what it has on disk for some seconds.
func TestRedisLoading(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "always", "--key-load-delay", "300", "--loading-process-events-interval-bytes", "1024")
	w := onRedis(t, server)
	before := w.submit(w.ana, `{"msg":0}`)
	for _, line := range []string{"DEBUG POPULATE 10000 filler 10", "BGREWRITEAOF"} {
		if got := server.Say(t, line); !strings.HasPrefix(got, "+") {
			t.Fatalf("%s: %s", line, got)
		}
	}
	server.Await(t, "Background AOF rewrite finished successfully")
	server.Kill(t)
	server.RestartLoading(t)
	eventually(t, "Redis is loading", func() bool { return strings.HasPrefix(server.Say(t, "PING"), "-LOADING") })
	w.unavailable(before)
	if got := server.Say(t, "PING"); !strings.HasPrefix(got, "-LOADING") {
		t.Fatalf("the loading has ended too early: %s", got)
	}
	w.nothingHalfDone(before)
}

// TestRedisFillsUp: /readyz warns above 70 % of maxmemory, and goes on.
func TestRedisFillsUp(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	w := onRedis(t, server)
	for _, c := range []struct {
		memory string
		warns  bool
	}{{"0", false}, {"1gb", false}, {"1mb", true}} {
		if got := server.Say(t, "CONFIG SET maxmemory "+c.memory); got != "+OK" {
			t.Fatal(got)
		}
		var ready api.Ready
		w.ok(w.do(w.ana, "GET", "/readyz", nil), http.StatusOK, &ready)
		warned := slices.ContainsFunc(ready.Warnings, func(s string) bool { return strings.HasSuffix(s, "of its 1 MiB is used") })
		if warned != c.warns || !ready.Ready {
			t.Errorf("with maxmemory %s: %+v", c.memory, ready)
		}
	}
}

// TestRedisFull: nothing new is taken, and says so; what is there is shown, and
// can be cancelled.
func TestRedisFull(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	w := onRedis(t, server)
	before, cancelled := w.submit(w.ana, `{"msg":0}`), w.submit(w.ana, `{"msg":0}`)
	if got := server.Say(t, "CONFIG SET maxmemory 1mb"); got != "+OK" {
		t.Fatal(got)
	}
	for _, c := range [][2]string{{"/jobs", `{"msg":1}`}, {"/jobs/batch", `{"jobs":[{"msg":1},{"msg":2}]}`}} {
		a := w.do(w.ana, "POST", c[0], c[1], key)
		w.refused(a, http.StatusServiceUnavailable, api.CodeStoreFull)
		if wait := a.header.Get("Retry-After"); wait != "2" {
			t.Errorf("Retry-After %q", wait)
		}
	}
	w.ok(w.do(w.ana, "DELETE", path(cancelled, ""), nil), http.StatusOK, nil)
	if j := w.job(w.ana, cancelled); j.State != scheduler.Cancelled {
		t.Errorf("the cancelled job is %s", j.State)
	}
	if got := server.Say(t, "CONFIG SET maxmemory 0"); got != "+OK" {
		t.Fatal(got)
	}
	w.nothingHalfDone(before)
}

// TestRedisReconfigured: /readyz tells what somebody makes of the Redis meanwhile:
// a warning where acknowledgements are worth less, a problem where none can be given.
func TestRedisReconfigured(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	w := onRedis(t, server)
	for _, c := range []struct {
		line, warning, problem string
	}{
		{"CONFIG SET maxmemory-policy allkeys-lru", "store: WARNING: Redis may evict keys", ""},
		{"CONFIG SET maxmemory-policy noeviction", "", ""},
		{"CONFIG SET appendonly no", "store: WARNING: a restart loses EVERYTHING", ""},
		{"CONFIG SET appendonly yes", "", ""},
		{"REPLICAOF 127.0.0.1 1", "", "store: Redis is a replica and takes no writes"},
		{"REPLICAOF NO ONE", "", ""},
	} {
		if got := server.Say(t, c.line); got != "+OK" {
			t.Fatalf("%s: %s", c.line, got)
		}
		status := http.StatusOK
		if c.problem != "" {
			status = http.StatusServiceUnavailable
			w.refused(w.do(w.ana, "POST", "/jobs", `{"msg":1}`), status, api.CodeUnavailable)
		}
		var ready api.Ready
		a := w.do(w.ana, "GET", "/readyz", nil)
		must(t, json.Unmarshal(a.body, &ready))
		warnings, problems := strings.Join(ready.Warnings, "; "), strings.Join(ready.Problems, "; ")
		if a.status != status || !strings.HasPrefix(warnings, c.warning) || !strings.HasPrefix(problems, c.problem) ||
			(c.warning == "") != (warnings == "") || (c.problem == "") != (problems == "") {
			t.Errorf("%s: readyz answers %d %s", c.line, a.status, a.body)
		}
	}
}

// TestRedisPasswordRotated: who is told 503 tries again until the server has the
// new password; it is not the server's mistake (500).
func TestRedisPasswordRotated(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	w := onRedis(t, server)
	before := w.submit(w.ana, `{"msg":0}`)
	for _, line := range []string{"ACL SETUSER admin on >root ~* +@all", "CONFIG SET requirepass another"} {
		if got := server.Say(t, line); got != "+OK" {
			t.Fatalf("%s: %s", line, got)
		}
	}
	admin := redis.NewClient(&redis.Options{Addr: server.Addr(), Username: "admin", Password: "root"})
	t.Cleanup(func() { _ = admin.Close() })
	must(t, admin.Do(t.Context(), "client", "kill", "type", "normal").Err())
	w.unavailable(before)
	must(t, admin.Do(t.Context(), "acl", "setuser", "default", "nopass").Err())
	w.nothingHalfDone(before)
}
