package api_test

import (
	"encoding/json"
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

// TestTooMuchProgress, from an agent and from a consumer: it is refused in words, the
// report before it stays, and the jobs end as they would.
func TestTooMuchProgress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.start(w.submit(w.ana, `{"command":["true"]}`), 0)
	c := w.consumer(w.ana, consumerA, "f")
	w.submit(w.ana, `{"msg": 1}`)
	taken := c.take()
	ref := api.LeaseRef{Job: taken.Job, Fence: taken.Fence}
	deep := strings.Repeat("[", 2000) + strings.Repeat("]", 2000)
	byConsumer := func(value string) answer {
		return c.post("progress", api.ConsumerProgress{LeaseRef: ref, Consumer: c.id, Progress: json.RawMessage(value)})
	}
	byAgent := func(value string) answer {
		text, err := json.Marshal(api.AgentProgress{LeaseRef: api.WireRef(l.ref), Progress: value})
		must(t, err)
		return w.do(w.nodeToken, "POST", "/agents/node1/progress", string(text))
	}
	for _, report := range []func(string) answer{byConsumer, byAgent} {
		w.ok(report(`"half"`), 204, nil)
		w.refused(report(`"`+strings.Repeat("x", 1<<20)+`"`), 413, api.CodeTooLarge) // also where the answer comes before all of it is sent
		w.refused(report(`"`+strings.Repeat("x", 100_000)+`"`), 422, api.CodeInvalidField)
	}
	w.refused(byConsumer(deep), 400, "bad-json") // it is a part of the body
	if p := w.refused(byAgent(deep), 422, api.CodeInvalidField); !strings.Contains(p.Detail, "32 levels") {
		t.Errorf("an agent is told %q", p.Detail)
	}
	for _, id := range []scheduler.JobID{l.ref.Job, taken.Job} {
		w.wantProgress(id, `"half"`, "half")
	}
	l.succeed(envelope.Header{Value: envelope.ValueJSON}, view("1"))
	c.succeed(taken, "1")
	for _, id := range []scheduler.JobID{l.ref.Job, taken.Job} {
		w.wantProgress(id, "100", "[completed]")
	}
}

// TestDeepMessage: 10,000 levels are refused, and nothing is queued for them.
func TestDeepMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, levels := range []int{32, 10_000, 1_000_000} {
		for _, b := range []string{"[]", `{}`} {
			msg := strings.Repeat(b[:1], levels) + strings.Repeat(b[1:], levels)
			if b == "{}" {
				msg = strings.Repeat(`{"a":`, levels) + "1" + strings.Repeat("}", levels)
			}
			p := w.refused(w.do(w.ana, "POST", "/jobs", `{"msg":`+msg+`}`), 400, "bad-json")
			if !strings.Contains(p.Detail, "nested too deeply") || len(p.Detail) > 300 {
				t.Errorf("%d levels: %q", levels, p.Detail)
			}
		}
	}
	if a := w.do(w.ana, "GET", "/jobs/count", nil); string(a.body) != "0" {
		t.Errorf("%s jobs are queued", a.body)
	}
}
