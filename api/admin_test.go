package api_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
)

func (w *world) functions(token, query string) (list []api.Function) {
	w.Helper()
	var answer struct{ Functions []api.Function }
	w.ok(w.do(token, "GET", "/consumer"+query, nil), 200, &answer)
	return answer.Functions
}

func TestConsumer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raw := header{"Content-Type", "application/octet-stream"}
	w.functionsAre("ana")
	w.functionsAre("bob")
	for _, name := range []string{"multiply", "add"} {
		w.ok(w.do(w.ana, "POST", "/consumer?python=3.11.7", pickled(name), raw), 201, nil)
	}
	w.ok(w.do(w.ana, "POST", "/consumer?name=multiply&python=3.11.7", jsonpickled("again")), 201, nil)
	list := w.functions(w.ana, "")
	if len(list) != 2 || list[0].Name != "multiply" || list[1].Name != "add" || list[0].SHA256 != blob.Sum([]byte(pickled("again"))) || list[0].Python != "3.11" {
		t.Fatalf("registered: %+v", list)
	}
	if a := w.do(w.agent, "GET", "/blobs/"+list[1].SHA256, nil); string(a.body) != pickled("add") {
		t.Error("the agent does not get the bytes")
	}
	w.claim(w.submit(w.ana, `{"msg":1}`), 0)
	if len(w.functions(w.nodeToken, "?user=ana")) != 2 || len(w.functions(w.bob, "")) != 0 || len(w.functions(w.admin, "?user=ana")) != 2 {
		t.Error("functions belong to their user, and the agent that has their job may ask for them")
	}
	for token, query := range map[string]string{
		w.bob: "?user=ana", w.agent: "?user=ana", w.nodeToken: "?user=bob", w.token("ana", auth.RoleAgent): "",
	} {
		w.refused(w.do(token, "GET", "/consumer"+query, nil), 403, api.CodeForbidden)
	}
	if a := w.do(w.ana, "DELETE", "/consumer?name=add", nil); a.status != http.StatusNoContent {
		t.Errorf("delete: %d", a.status)
	}
	w.refused(w.do(w.ana, "DELETE", "/consumer?name=add", nil), 404, api.CodeNotFound)
	if p := w.refused(w.do(w.ana, "DELETE", "/consumer", jsonpickled("multiplx")), 404, api.CodeNotFound); !strings.Contains(p.Detail, "did you mean multiply?") {
		t.Errorf("says %q", p.Detail)
	}
	if a := w.do(w.ana, "DELETE", "/consumer", jsonpickled("multiply")); a.status != http.StatusNoContent || len(w.functions(w.ana, "")) != 0 {
		t.Errorf("removed by itself: %d %s", a.status, a.body)
	}
}

// jsonpickled is what a client of the predecessor's sends of a function.
func jsonpickled(name string) string {
	return fmt.Sprintf(`{"py/b64": %q}`, base64.StdEncoding.EncodeToString([]byte(pickled(name))))
}

// TestBadFunctions: what is not a pickled function is refused, and nothing is registered.
func TestBadFunctions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxBody = 1 << 10 })
	w.functionsAre("ana")
	raw := header{"Content-Type", "application/octet-stream"}
	long := strings.Repeat("f", 129)
	for _, bad := range []struct {
		query, body string
		status      int
		code        api.Code
		says        string
	}{
		{"?name=a/b", pickled("f"), 400, api.CodeBadRequest, "a Python name"},
		{"?name=" + long, pickled("f"), 400, api.CodeBadRequest, "at most 128 bytes"},
		{"?python=three", pickled("f"), 400, api.CodeBadRequest, "3.11.7"},
		{"", "", 400, api.CodeBadRequest, "as the body"},
		{"", `{"py/b64":"%%"}`, 400, api.CodeBadFunction, "no base 64"},
		{"", `{"x":1}`, 400, api.CodeBadFunction, "as jsonpickle writes them"},
		{"", `{"py/b64":"` + strings.Repeat("[", 900) + `"}`, 400, api.CodeBadFunction, "no base 64"},
		{"?name=f", pickled("f")[:8], 400, api.CodeBadFunction, "not a pickle: it was cut off"},
		{"?name=f", "def f(msg): return msg", 400, api.CodeBadFunction, "not a pickle"},
		{"?name=f", "}.", 400, api.CodeBadFunction, "not a function but a dict"},
		{"?name=f", "\x80\x05C\x01a.", 400, api.CodeBadFunction, "not a function but bytes"},
		{"", "c__main__\nModel\n)\x81.", 400, api.CodeBadFunction, "add ?name="},
		{"", pickled(long), 400, api.CodeBadFunction, "add ?name="},
		{"", pickled("f") + strings.Repeat(" ", 1<<10), 413, api.CodeTooLarge, "a function of more than 1024 bytes"},
	} {
		p := w.refused(w.do(w.ana, "POST", "/consumer"+bad.query, bad.body, raw), bad.status, bad.code)
		if !strings.Contains(p.Detail, bad.says) {
			t.Errorf("%s %.60q says %q, want %q", bad.query, bad.body, p.Detail, bad.says)
		}
	}
	if list := w.functions(w.ana, ""); len(list) != 0 {
		t.Errorf("registered: %+v", list)
	}
	w.ok(w.do(w.ana, "POST", "/consumer?name=model", "c__main__\nModel\n)\x81.", raw), 201, nil)
}

// TestMessagesWait: for functions that are not registered, and for those that are no more.
func TestMessagesWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.functionsAre("ana")
	w.join()
	all, named := w.submit(w.ana, `{"msg":1}`), w.submit(w.ana, `{"msg":1,"functions":["multiply","add"]}`)
	for id, awaits := range map[scheduler.JobID][]string{all: {"*"}, named: {"multiply", "add"}} {
		if j := w.job(w.ana, id); j.State != scheduler.Scheduled || !slices.Equal(j.Awaits, awaits) || j.Detail == "" {
			t.Errorf("%s, awaits %q: %s", j.State, j.Awaits, j.Detail)
		}
	}
	w.ok(w.do(w.ana, "POST", "/consumer?python=3.11", jsonpickled("multiplx")), 201, nil)
	if j := w.job(w.ana, all); j.State != scheduler.Queued || j.Class != "gpus=1 call=3.11" {
		t.Errorf("for any function: %s, class %s", j.State, j.Class)
	}
	if says := w.whyText(named); says != "function: no function multiply is registered; did you mean multiplx?" {
		t.Errorf("why says %q", says)
	}
	w.functionsAre("ana", scheduler.Function{Name: "add"}, scheduler.Function{Name: "multiply"})
	if j := w.job(w.ana, named); j.State != scheduler.Queued || len(j.Awaits) != 0 {
		t.Errorf("with all functions: %s, awaits %q", j.State, j.Awaits)
	}
	w.ok(w.do(w.ana, "DELETE", "/consumer?name=multiply", nil), 204, nil)
	if j := w.job(w.ana, named); j.State != scheduler.Queued || !slices.Equal(j.Awaits, []string{"multiply"}) || j.Detail != "function multiply is not registered" {
		t.Errorf("one was removed: %s, awaits %q: %s", j.State, j.Awaits, j.Detail)
	}
	if says := w.whyText(named); says != "function: function multiply is not registered" {
		t.Errorf("why says %q", says)
	}
	w.refused(w.do(w.ana, "POST", "/jobs", `{"msg":1,"functions":["a b"]}`), 422, api.CodeInvalidField)
	w.submit(w.ana, `{"msg":1,"functions":null}`)
}

// whyText is the first reason why ana's job waits.
func (w *world) whyText(id scheduler.JobID) string {
	w.Helper()
	var why api.Why
	w.ok(w.do(w.ana, "GET", path(id, "/why"), nil), 200, &why)
	return why.Reasons[0].Code + ": " + why.Reasons[0].Text
}

// TestFunctionsDecideThePython: a message goes to an environment of the Python that pickled its functions.
func TestFunctionsDecideThePython(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.join() // offers 3.11
	raw := header{"Content-Type", "application/octet-stream"}
	w.ok(w.do(w.ana, "POST", "/consumer?python=3.9.1", pickled("old"), raw), 201, nil)
	w.ok(w.do(w.ana, "POST", "/consumer?python=3.11.2", pickled("new"), raw), 201, nil)
	w.submit(w.ana, `{"msg":1,"functions":["new"]}`)
	w.refused(w.do(w.ana, "POST", "/jobs", `{"msg":1,"functions":["old"]}`), 422, "version-mismatch")
	w.refused(w.do(w.ana, "POST", "/jobs", `{"msg":1}`), 422, api.CodeInvalidField)
}

func TestLeasesAndRevoke(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1,"timeout":"1h"}`)
	l := w.start(id, 0)
	var answer struct{ Leases []api.Lease }
	w.ok(w.do(w.admin, "GET", "/leases", nil), 200, &answer)
	if len(answer.Leases) != 1 || answer.Leases[0].Job != id || answer.Leases[0].Host != "node1" || answer.Leases[0].EndsBy.IsZero() {
		t.Fatalf("leases %+v", answer.Leases)
	}
	target := fmt.Sprintf("/leases/%d", id)
	w.refused(w.do(w.admin, "DELETE", target+"?then=explode", nil), 400, api.CodeBadRequest)
	w.refused(w.do(w.admin, "DELETE", target+"?then=cancel", nil), 400, api.CodeBadRequest)
	w.refused(w.do(w.admin, "DELETE", fmt.Sprintf("/leases/%d?reason=why", w.submit(w.ana, `{"msg":1}`)), nil), 409, "no-lease")
	w.refused(w.do(w.admin, "DELETE", "/leases/99?reason=why", nil), 404, api.CodeNotFound)
	w.refused(w.do(w.admin, "DELETE", target+"?reason="+strings.Repeat("x", 300), nil), 400, api.CodeBadRequest)
	w.ok(w.do(w.admin, "DELETE", target+"?then=cancel&reason=maintenance", nil), 200, nil)
	renewed, err := w.sched.Renew(t.Context(), "node1", w.epoch, []scheduler.LeaseRef{l.ref})
	must(t, err)
	if len(renewed.Answers) != 1 || !renewed.Answers[0].Cancel || !strings.Contains(renewed.Answers[0].Why, "root: maintenance") {
		t.Errorf("the agent hears %+v", renewed.Answers)
	}
	if j := w.job(w.ana, id); !strings.Contains(j.CancelBy, "maintenance") {
		t.Errorf("the user is told %q", j.CancelBy)
	}
}

func TestHostsAndGPUs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.join()
	id := w.submit(w.ana, `{"msg":1,"name":"secret"}`)
	w.start(id, 0)
	var gpus struct{ GPUs []api.Device }
	a := w.do(w.bob, "GET", "/gpus", nil)
	w.ok(a, 200, &gpus)
	if len(gpus.GPUs) != 2 || gpus.GPUs[0].User != "ana" || gpus.GPUs[0].Job != 0 || strings.Contains(string(a.body), "secret") {
		t.Errorf("bob sees %s", a.body)
	}
	w.ok(w.do(w.ana, "GET", "/gpus", nil), 200, &gpus)
	if gpus.GPUs[0].Job != id {
		t.Error("ana does not see her own job")
	}
	var hosts struct{ Hosts []api.Host }
	state := func() string {
		w.ok(w.do(w.bob, "GET", "/hosts", nil), 200, &hosts)
		return hosts.Hosts[0].State
	}
	if state() != "ok" || hosts.Hosts[0].Environments[0].Version != "3.11.7" {
		t.Errorf("hosts %+v", hosts.Hosts)
	}
	w.ok(w.do(w.admin, "POST", "/hosts/node1/drain?reason=fans", nil), 200, nil)
	if state() != "drained" || !strings.Contains(hosts.Hosts[0].DrainedBy, "fans") {
		t.Errorf("hosts %+v", hosts.Hosts)
	}
	w.ok(w.do(w.admin, "POST", "/hosts/node1/undrain", nil), 200, nil)
	w.ok(w.do(w.admin, "POST", "/gpus/CPU-1/drain", nil), 200, nil)
	w.ok(w.do(w.bob, "GET", "/gpus", nil), 200, &gpus)
	if state() != "ok" || gpus.GPUs[1].State != "drained" {
		t.Errorf("gpus %+v", gpus.GPUs)
	}
	w.ok(w.do(w.admin, "POST", "/gpus/CPU-1/undrain", nil), 200, nil)
	w.refused(w.do(w.admin, "POST", "/hosts/nowhere/drain", nil), 404, "unknown-host")
	w.refused(w.do(w.admin, "POST", "/gpus/GPU-x/drain", nil), 404, "unknown-device")
}

func TestHealthAndMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for accept, want := range map[string]string{"": "ok", "*/*": "ok", "application/json": `{"status":"ok","version":"test"}`} {
		a := w.do("", "GET", "/healthz", nil, header{"Accept", accept})
		if strings.TrimSpace(string(a.body)) != want || a.header.Get("Mlq-Version") != "test" {
			t.Errorf("healthz answers %q, %q to %q", a.body, a.header.Get("Mlq-Version"), accept)
		}
	}
	w.start(w.submit(w.ana, `{"msg":1}`), 0)
	w.submit(w.ana, `{"msg":1}`)
	text := string(w.do(w.prom, "GET", "/metrics", nil).body)
	for _, line := range []string{
		`mlq_jobs{state="queued"} 1`, `mlq_jobs{state="running"} 1`, `mlq_leases{host="node1"} 1`, `mlq_hosts{state="ok"} 1`, `mlq_devices{host="node1",state="leased"} 1`, `mlq_devices{host="node1",state="sick"} 0`, `mlq_queue_wait_seconds `,
		`mlq_http_request_seconds_count{method="POST",route="/jobs"} 2`, `mlq_http_responses_total{code="201"} 2`, `mlq_store_up 1`,
		`mlq_blobs_disk_free_percent`, `mlq_store_seconds_count{operation="commit"}`,
		`mlq_loop_rounds_total{loop="reap"} `, `mlq_loop_errors_total{loop="promote"} 0`, `mlq_loop_success_age_seconds{loop="check"} `,
		`mlq_reaped_leases_total{state="queued"} 0`, `mlq_promoted_jobs_total{state="failed"} 0`, `mlq_purged_jobs_total 0`,
		`mlq_repairs_total 0`, `mlq_http_requests_under_way 1`, `mlq_http_slow_readers_total 0`, `mlq_http_refused_connections_total{limit="all"} 0`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %s in the metrics", line)
		}
	}
}

// TestMetricsAreDocumented: docs/reference.md has each metric, with its labels and its words.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	w := metered(t)
	w.submit(w.ana, `{"msg":1}`)
	reference, err := os.ReadFile("../docs/reference.md")
	must(t, err)
	n := 0
	for line := range strings.Lines(string(w.do(w.prom, "GET", "/metrics", nil).body)) {
		help, ok := strings.CutPrefix(line, "# HELP ")
		if !ok {
			continue
		}
		n++
		name, words, _ := strings.Cut(strings.TrimSpace(help), " ")
		row := regexp.MustCompile("(?m)^\\| `" + name + "(\\{[A-Za-z_,]+\\})?` \\|.*\\| " + regexp.QuoteMeta(words) + " \\|$")
		if !row.Match(reference) {
			t.Errorf("docs/reference.md has no row of %s with: %s", name, words)
		}
	}
	if n < 32 {
		t.Errorf("only %d metrics were looked up", n)
	}
}

func TestCheckBlobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t, api.CheckBlobs(t.Context(), w.st, w.blobs))
	must(t, api.CheckBlobs(t.Context(), w.st, w.blobs))
	other, err := blob.Open(t.TempDir())
	must(t, err)
	defer func() { _ = other.Close() }()
	err = api.CheckBlobs(t.Context(), w.st, other)
	if err == nil || !strings.Contains(err.Error(), w.blobs.Path()) || !strings.Contains(err.Error(), "--blobs") {
		t.Errorf("another folder: %v", err)
	}
}
