package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

func (w *world) why(token string, id scheduler.JobID) api.Why {
	w.Helper()
	var why api.Why
	w.ok(w.do(token, "GET", path(id, "/why"), nil), 200, &why)
	return why
}

// TestWhyOfAKeptFunction: a message says what its process waits for, loads, or cannot.
func TestWhyOfAKeptFunction(t *testing.T) {
	t.Parallel()
	w := newWorld(t, soon)
	w.join()
	first := func(id scheduler.JobID) string {
		why := w.why(w.ana, id)
		if len(why.Reasons) == 0 {
			t.Fatalf("no reasons: %+v", why)
		}
		return why.Reasons[0].Code + ": " + why.Reasons[0].Text
	}
	w.start(w.submit(w.bob, `{"source": "def g(): pass", "function": "g"}`), 0)
	l := w.start(w.submit(w.bob, `{"source": "def g(): pass", "function": "g"}`), 1)
	w.keep(w.ana, "")
	id := w.submit(w.ana, `{"msg": 1}`)
	process := w.newProcess(w.ana)
	if got, want := first(id), fmt.Sprintf("process: job %d, which is to load f, waits: 2 devices fit: ", process); !strings.HasPrefix(got, want) {
		t.Errorf("got %q", got)
	}
	if why := w.why(w.ana, id); why.Estimate.Earliest != nil || !strings.HasPrefix(why.Estimate.Basis, "unknown") {
		t.Errorf("estimate %+v", why.Estimate)
	}
	l.succeed(envelope.Header{Value: envelope.ValueJSON}, view("1"))
	p, _ := w.loaded(process, 1)
	if got, want := first(id), fmt.Sprintf("process: job %d loads f since ", process); !strings.HasPrefix(got, want) {
		t.Errorf("got %q", got)
	}
	p.take()
	next := w.submit(w.ana, `{"msg": 2}`)
	if got, want := first(next), "consumer-busy: "; !strings.HasPrefix(got, want) {
		t.Errorf("got %q", got)
	}
	w.ok(w.do(w.ana, "POST", "/consumer?name=g&local=1", nil), 201, nil)
	if got, want := first(w.submit(w.ana, `{"msg": 3, "functions": ["f", "g"]}`)), "process: f is kept loaded in a process that has no other function"; !strings.HasPrefix(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestUnplaceableProcess: refused when it is registered; where its host went, the message says so.
func TestUnplaceableProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t, soon)
	w.join()
	w.refused(w.do(w.ana, "POST", "/consumer?name=f&keep=1&host=node9", someSource, python), 422, api.CodeUnsatisfiable)
	w.keep(w.ana, "&host=node1&gpus=2")
	w.inv.Devices = w.inv.Devices[:1]
	must(t, w.sched.Report(t.Context(), "node1", w.epoch, w.inv))
	id := w.submit(w.ana, `{"msg": 1}`)
	eventually(t, "the message says it", func() bool {
		why := w.why(w.ana, id)
		return len(why.Reasons) > 0 && strings.HasPrefix(why.Reasons[0].Text, "the process that is to load f cannot be started: no host can ever run this") ||
			len(why.Reasons) > 0 && strings.Contains(why.Reasons[0].Text, "no host can ever run it")
	})
}

// TestProcessIsRetired: a function that is removed or registered anew takes the process
// that still waits with it.
func TestProcessIsRetired(t *testing.T) {
	t.Parallel()
	w := newWorld(t, soon)
	w.keep(w.ana, "")
	id := w.submit(w.ana, `{"msg": 1}`)
	process := w.newProcess(w.ana)
	w.ok(w.do(w.ana, "DELETE", "/consumer?name=f", nil), 204, nil)
	if j := w.job(w.ana, process); j.State != scheduler.Cancelled || !strings.Contains(j.Detail, "its function was removed") {
		t.Errorf("the process is %s: %s", j.State, j.Detail)
	}
	if j := w.job(w.ana, id); j.State != scheduler.Scheduled || len(j.Awaits) != 1 {
		t.Errorf("the message is %s, awaits %v", j.State, j.Awaits)
	}
	w.keep(w.ana, "")
	if again := w.newProcess(w.ana); again == process {
		t.Error("no new process")
	}
}

// TestKeepInputs: rows of what is refused, and in which words.
func TestKeepInputs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, r := range []struct {
		query, body, media string
		status             int
		code               api.Code
		words              string
	}{
		{"keep=2&name=f", someSource, "text/x-python", 400, api.CodeBadRequest, "keep: want 1"},
		{"keep=1&local=1&name=f", someSource, "text/x-python", 400, api.CodeBadRequest, "local and keep"},
		{"keep=1", someSource, "text/x-python", 400, api.CodeBadRequest, "name"},
		{"keep=1&name=f", "", "text/x-python", 400, api.CodeBadRequest, "source"},
		{"keep=1&name=f&idle=5", "hello", "application/octet-stream", 400, "bad-function", "pickle"},
		{"keep=1&name=f&idle=soon", someSource, "text/x-python", 400, api.CodeBadRequest, "idle: want a time"},
		{"keep=1&name=f&idle=8d", someSource, "text/x-python", 400, api.CodeBadRequest, "idle: want a time"},
		{"keep=1&name=f&gpus=many", someSource, "text/x-python", 422, api.CodeInvalidField, "whole number"},
		{"keep=1&name=f&gpu_mem=5", someSource, "text/x-python", 422, api.CodeInvalidField, "1 MiB"},
		{"keep=1&name=f&after=[1]", someSource, "text/x-python", 422, api.CodeInvalidField, "no use"},
		{"keep=1&name=f&priority=5", someSource, "text/x-python", 403, api.CodeForbidden, "priority"},
		{"keep=1&name=f&secrets=" + url.QueryEscape(`{"A": "none"}`), someSource, "text/x-python", 422, api.CodeUnknownSecret, "none"},
		{"keep=1&name=f&gpu=2", someSource, "text/x-python", 400, "unknown-field", "did you mean gpus?"},
		{"name=f", someSource, "text/x-python", 422, api.CodeInvalidField, "keep=1"},
		{"local=1", "", "", 400, api.CodeBadRequest, "name"},
	} {
		p := w.refused(w.do(w.ana, "POST", "/consumer?"+r.query, r.body, header{"Content-Type", r.media}), r.status, r.code)
		if !strings.Contains(p.Detail, r.words) {
			t.Errorf("%s: %q", r.query, p.Detail)
		}
	}
	p := w.refused(w.do(w.ana, "POST", "/jobs", `{"consumer": "f"}`), http.StatusUnprocessableEntity, api.CodeInvalidField)
	if !strings.Contains(p.Detail, "keep=1") {
		t.Errorf("detail %q", p.Detail)
	}
}
