package api_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/callback"
)

// TestCallbackIsShown: in the job, its history and the events of its user.
func TestCallbackIsShown(t *testing.T) {
	private, err := callback.ReadPolicy([]string{callback.All})
	must(t, err)
	w := newWorld(t, func(o *api.Options) { o.Callbacks = private })
	sender := callback.New(callback.Options{Scheduler: w.sched, Policy: private, Log: zerolog.Nop(), Metrics: prometheus.NewRegistry()})
	w.background("callbacks", sender.Run)
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer app.Close()
	w.join()
	id := w.submit(w.ana, `{"source":"def f(): pass","function":"f","callback":"`+app.URL+`/x"}`)
	if j := w.job(w.ana, id); j.Callback == nil || *j.Callback != app.URL+"/x" || j.CallbackState == nil || j.CallbackState.State != "waiting" {
		t.Errorf("while it waits: %v %+v", j.Callback, j.CallbackState)
	}
	w.ok(w.do(w.ana, "DELETE", path(id, ""), nil), http.StatusOK, nil)
	var state *api.CallbackState
	eventually(t, "the callback is delivered", func() bool {
		state = w.job(w.ana, id).CallbackState
		return state.State == "delivered"
	})
	if len(state.Tries) != 1 || state.Tries[0].Text != "it answered 200" || state.Tries[0].At.IsZero() {
		t.Errorf("tries %+v", state.Tries)
	}
	history := string(w.do(w.ana, "GET", path(id, "/events"), nil).body)
	if !strings.Contains(history, "id: 0.10\nevent: callback\n") || !strings.Contains(history, "it answered 200") {
		t.Errorf("history:\n%s", history)
	}
	if again := string(w.do(w.ana, "GET", path(id, "/events"), nil, header{"Last-Event-ID", "0.10"}).body); strings.Contains(again, "event: callback") {
		t.Errorf("told again:\n%s", again)
	}
	if log := w.eventsUntil("try 1 of 3"); !strings.Contains(log, `"kind":"callback"`) {
		t.Errorf("events: %s", log)
	}
}

// eventsUntil reads ana's events from the first on, until a line has the words.
func (w *world) eventsUntil(words string) string {
	w.Helper()
	request, err := http.NewRequestWithContext(w.Context(), http.MethodGet, w.url+"/events?after=0-0", nil)
	must(w, err)
	request.Header.Set("Authorization", "Bearer "+w.ana)
	response, err := w.client.Do(request)
	must(w, err)
	defer func() { _ = response.Body.Close() }()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if strings.Contains(lines.Text(), words) {
			return lines.Text()
		}
	}
	w.Fatalf("no event has %q", words)
	return ""
}

func TestCallbackToAForbiddenAddress(t *testing.T) {
	w := newWorld(t)
	w.join()
	for _, url := range []string{"http://169.254.169.254/latest/", "http://127.0.0.1:6379/", "http://[::ffff:10.0.0.1]/", "http://[fd00:ec2::254]/"} {
		for path, body := range map[string]string{"/jobs": `{"command":["true"],"callback":"` + url + `"}`, "/jobs/batch": `{"jobs":[{"command":["true"],"callback":"` + url + `"}]}`} {
			p := w.refused(w.do(w.ana, "POST", path, body), http.StatusUnprocessableEntity, api.CodeInvalidField)
			if !strings.Contains(p.Detail, "callback") {
				t.Errorf("%s %s: %s", path, url, p.Detail)
			}
		}
	}
	w.submit(w.ana, `{"command":["true"],"callback":null}`)
}
