package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

// TestKeepingOfResults: for ever, unless the user or the admin says otherwise; and
// never for a shorter time than was asked for.
func TestKeepingOfResults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		byDefault, most time.Duration
		kept            map[string]float64 // by submission, in seconds
		refused         string
	}{
		"nothing said":  {0, 0, map[string]float64{`{"msg":1}`: 0, `{"msg":1,"result_ttl":"3650d"}`: 3650 * 86400}, ""},
		"a default":     {time.Hour, 0, map[string]float64{`{"msg":1}`: 3600, `{"msg":1,"result_ttl":"9d"}`: 9 * 86400}, ""},
		"a maximum":     {0, time.Hour, map[string]float64{`{"msg":1}`: 3600, `{"msg":1,"result_ttl":"1h"}`: 3600, `{"msg":1,"result_ttl":5}`: 5}, `{"msg":1,"result_ttl":3601}`},
		"both of these": {time.Minute, time.Hour, map[string]float64{`{"msg":1}`: 60, `{"msg":1,"result_ttl":"2m"}`: 120}, `{"msg":1,"result_ttl":"2h"}`},
	} {
		w := newWorld(t, func(o *api.Options) { o.DefaultResultTTL, o.MaxResultTTL = c.byDefault, c.most })
		for body, want := range c.kept {
			if got := w.job(w.ana, w.submit(w.ana, body)).ResultTTLSeconds; got != want {
				t.Errorf("%s: %s is kept for %v s, want %v", name, body, got, want)
			}
		}
		if c.refused == "" {
			continue
		}
		p := w.refused(w.do(w.ana, "POST", "/jobs", c.refused), 422, api.CodeInvalidField)
		if !strings.Contains(p.Detail, "above the limit of 1h (the server's maximum)") {
			t.Errorf("%s: %q", name, p.Detail)
		}
		var n int
		if w.ok(w.do(w.ana, "GET", "/jobs/count", nil), 200, &n); n != len(c.kept) {
			t.Errorf("%s: %d jobs wait", name, n)
		}
	}
}

// TestMaximumForgets: what an admin has said happens, to what was submitted since.
func TestMaximumForgets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxResultTTL = time.Second })
	id := w.submit(w.ana, `{"msg":1}`)
	w.start(id, 0).succeed(envelope.Header{Value: envelope.ValueText}, view("short-lived"))
	eventually(t, "the job is forgotten", func() bool { return w.do(w.ana, "GET", path(id, ""), nil).status == 404 })
	w.refused(w.do(w.ana, "GET", path(id, "/result"), nil), 404, api.CodeNotFound)
}

// TestRequeueUnderAMaximum: a job from before has no way around it.
func TestRequeueUnderAMaximum(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxResultTTL = time.Hour })
	long := scheduler.Who{User: "ana"} // of a server without one
	for _, ttl := range []time.Duration{0, 2 * time.Hour, time.Minute} {
		made, err := w.sched.Submit(t.Context(), long, []scheduler.Submission{{
			Media: scheduler.MediaJSON, Body: []byte(`{"command":["true"]}`), Request: scheduler.Request{ResultTTL: ttl},
		}}, "")
		must(t, err)
		w.ok(w.do(w.ana, "DELETE", path(made.IDs[0], ""), nil), 200, nil)
		var again scheduler.JobID
		w.ok(w.do(w.ana, "POST", path(made.IDs[0], "/requeue"), nil), 201, &again)
		want := time.Hour.Seconds()
		if ttl == time.Minute {
			want = 60
		}
		if got := w.job(w.ana, again).ResultTTLSeconds; got != want {
			t.Errorf("of %v: kept for %v s, want %v", ttl, got, want)
		}
	}
}
