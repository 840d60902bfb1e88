package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

// wantProgress checks all three places that tell how far a job is: its JSON, the
// text, and what its stream says last.
func (w *world) wantProgress(id scheduler.JobID, value, text string) {
	w.Helper()
	if j := w.job(w.ana, id); string(j.Progress) != value || j.ProgressText != text {
		w.Errorf("the job has progress %s, %q; want %s, %q", j.Progress, j.ProgressText, value, text)
	}
	if a := w.do(w.ana, "GET", path(id, "/progress"), nil); string(a.body) != text || a.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		w.Errorf("progress %q of the type %s, want %q", a.body, a.header.Get("Content-Type"), text)
	}
}

// TestProgressWords: before, between and after, as number and in words; a report is
// shown as it is, whatever it is.
func TestProgressWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1,"retries":1}`)
	w.wantProgress(id, "null", "[queued; not started]")
	l := w.claim(id, 0)
	w.wantProgress(id, "null", "[queued; not started]")
	must(t, w.sched.Start(t.Context(), l.ref))
	w.wantProgress(id, "0", "[started]")
	for _, r := range []struct{ value, text string }{
		{`0`, "0"},
		{`50`, "50"},
		{`0.25`, "0.25"},
		{`100`, "100"},
		{`-1`, "-1"},
		{`true`, "true"},
		{`null`, "null"},
		{`"half \"way\""`, `half "way"`},
		{`"[failed]"`, "[failed]"},
		{`"zwei Drittel \u00fc"`, "zwei Drittel ü"},
		{`{"done":1,"total":2}`, `{"done":1,"total":2}`},
		{`[1,"two"]`, `[1,"two"]`},
	} {
		must(t, w.sched.Progress(t.Context(), l.ref, r.value))
		w.wantProgress(id, r.value, r.text)
	}
	l.succeed(envelope.Header{Value: envelope.ValueJSON, Short: "18"}, view("18"))
	w.wantProgress(id, "100", "[completed]")
}

// TestProgressOfWhatFails is -1, and none of what it had reported before is left.
func TestProgressOfWhatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1}`)
	s := w.stream(path(id, "/events"))
	s.want(t, `"progress":null,"progress_text":"[queued; not started]","position":1`)
	l := w.start(id, 0)
	s.want(t, `"progress":0,"progress_text":"[started]"`)
	must(t, w.sched.Progress(t.Context(), l.ref, `"three of ten"`))
	s.want(t, `"progress":"three of ten","progress_text":"three of ten"`)
	l.finish(scheduler.Finish{Outcome: scheduler.OutcomeFailed, Reason: scheduler.ReasonError, Detail: "ValueError: no"},
		envelope.Header{Kind: envelope.KindError, Type: "ValueError", Message: "no", Reason: "error"})
	s.want(t, `"progress":-1,"progress_text":"[failed]"`)
	s.wantEnd(t)
	w.wantProgress(id, "-1", "[failed]")

	id = w.submit(w.ana, `{"msg":1}`)
	w.ok(w.do(w.ana, "DELETE", path(id, ""), nil), 200, nil)
	w.wantProgress(id, "-1", "[cancelled]")
}

// TestPlaceInTheEvents: who waits hears when somebody ahead has gone.
func TestPlaceInTheEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.SafetyReread = 50 * time.Millisecond }) // nobody tells of a place
	first, second := w.submit(w.ana, `{"msg":1}`), w.submit(w.ana, `{"msg":2}`)
	s := w.stream(path(second, "/events"))
	s.want(t, `"position":2`)
	w.start(first, 0)
	s.want(t, `"position":1`)
	w.start(second, 1)
	if line := s.want(t, `"kind":"update"`); strings.Contains(line, "position") {
		t.Errorf("it runs, and has a place: %s", line)
	}
}
