package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

const (
	consumerA = "00000000000000aa"
	consumerB = "00000000000000bb"
)

// consumer is a process that takes messages, over HTTP.
type consumer struct {
	*world
	token, id string
	functions []string
	claims    int
}

// consumer registers the functions as local, and takes for them.
func (w *world) consumer(token, id string, functions ...string) *consumer {
	w.Helper()
	for _, name := range functions {
		w.ok(w.do(token, "POST", "/consumer?local=1&name="+name, nil), 201, nil)
	}
	return &consumer{world: w, token: token, id: id, functions: functions}
}

func (c *consumer) post(path string, body any) answer {
	c.Helper()
	text, err := json.Marshal(body)
	must(c, err)
	return c.do(c.token, "POST", "/consumer/"+path, string(text))
}

func (c *consumer) asking(wait float64) api.ConsumerTake {
	c.claims++
	return api.ConsumerTake{Consumer: c.id, Functions: c.functions, Claim: fmt.Sprintf("%s-%032d", c.id, c.claims), Wait: wait}
}

func (c *consumer) take() api.ConsumerJob {
	c.Helper()
	var job api.ConsumerJob
	c.ok(c.post("take", c.asking(10)), 200, &job)
	return job
}

func (c *consumer) params(job api.ConsumerJob, more string) string {
	return fmt.Sprintf("?consumer=%s&job=%d&fence=%d%s", c.id, job.Job, job.Fence, more)
}

func (c *consumer) finish(job api.ConsumerJob, outcome string, h envelope.Header, parts ...envelope.Part) answer {
	c.Helper()
	data, err := envelope.Encode(h, parts...)
	must(c, err)
	return c.do(c.token, "POST", "/consumer/finish"+c.params(job, "&outcome="+outcome), data, header{"Content-Type", envelope.Media})
}

func (c *consumer) succeed(job api.ConsumerJob, value string) {
	c.Helper()
	c.ok(c.finish(job, "succeeded", envelope.Header{Kind: envelope.KindResult, Value: envelope.ValueText, Short: value}, view(value)), 204, nil)
}

// TestConsumerLife: a process takes a message, tells of it, and ends it.
func TestConsumerLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.consumer(w.ana, consumerA, "f", "g")
	w.ok(c.post("take", c.asking(0)), 204, nil)
	id := w.submit(w.ana, `{"msg": {"a": [1, 2]}, "functions": ["g", "f"], "timeout": "90s", "callback": "http://example.org/done"}`)
	job := c.take()
	if job.Job != id || string(job.Msg) != `{"a":[1,2]}` || strings.Join(job.Functions, ",") != "g,f" || job.Timeout != 90 || job.Grace != 10 || job.Lease != 60 || job.Attempt != 1 {
		t.Errorf("took %+v", job)
	}
	var full map[string]any
	must(t, json.Unmarshal(job.FullMessage, &full))
	if full["id"] != float64(id) || full["worker"] != *w.job(w.ana, id).Worker || full["retries"] != 0.0 || full["callback"] != "http://example.org/done" {
		t.Errorf("full message %v", full)
	}
	for name := range strings.FieldsSeq("timestamp processing_started processing_finished progress short_result result functions") {
		if _, there := full[name]; !there {
			t.Errorf("the full message has no %s", name)
		}
	}
	if j := w.job(w.ana, id); j.State != scheduler.Running || *j.Worker != "consumer-"+consumerA+"/consumer-"+consumerA {
		t.Errorf("the job is %+v", j)
	}
	ref := api.LeaseRef{Job: id, Fence: job.Fence}
	w.ok(c.post("progress", api.ConsumerProgress{LeaseRef: ref, Consumer: c.id, Progress: json.RawMessage(`{"epoch": 3}`)}), 204, nil)
	if got := w.do(w.ana, "GET", path(id, "/progress"), nil); string(got.body) != `{"epoch":3}` {
		t.Errorf("progress %q", got.body)
	}
	w.ok(w.do(w.ana, "PUT", "/consumer/log"+c.params(job, "&offset=0"), []byte("hello\n")), 204, nil)
	w.ok(w.do(w.ana, "PUT", "/consumer/log"+c.params(job, "&offset=6"), []byte("world\n")), 204, nil)
	w.refused(w.do(w.ana, "PUT", "/consumer/log"+c.params(job, "&offset=99"), []byte("!")), 409, api.CodeLogGap)
	var renewed api.ConsumerRenewed
	w.ok(c.post("renew", api.ConsumerRenew{Consumer: c.id, Leases: []api.LeaseRef{ref}}), 200, &renewed)
	if len(renewed.Stop) != 0 {
		t.Errorf("renewed %+v", renewed)
	}
	var leases map[string][]api.Lease
	w.ok(w.do(w.admin, "GET", "/leases", nil), 200, &leases)
	if l := leases["leases"]; len(l) != 1 || l[0].Host != "consumer-"+consumerA || l[0].User != "ana" {
		t.Errorf("leases %+v", l)
	}
	c.succeed(job, "42")
	c.succeed(job, "42") // its answer was lost
	if got := w.do(w.ana, "GET", path(id, "/result"), nil); string(got.body) != "42" {
		t.Errorf("result %q", got.body)
	}
	if got := w.do(w.ana, "GET", path(id, "/logs"), nil); string(got.body) != "hello\nworld\n" {
		t.Errorf("log %q", got.body)
	}
	for _, list := range []string{"/hosts", "/gpus"} {
		if got := w.do(w.ana, "GET", list, nil); strings.Contains(string(got.body), "consumer-") {
			t.Errorf("%s lists it: %s", list, got.body)
		}
	}
}

// TestTakeIsWoken: a message goes to the process that waits, at once.
func TestTakeIsWoken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.consumer(w.ana, consumerA, "f")
	for range 20 {
		taken := make(chan api.ConsumerJob)
		go func() { taken <- c.take() }()
		began := time.Now()
		id := w.submit(w.ana, `{"msg": 1}`)
		job := <-taken
		if took := time.Since(began); job.Job != id || took > 2*time.Second { // without notices it looks each 5 s
			t.Errorf("job %d came after %s, as %d", id, took, job.Job)
		}
		c.succeed(job, "1")
	}
}

// TestConsumerEnds: all outcomes, and what becomes of the job.
func TestConsumerEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.consumer(w.ana, consumerA, "f")
	raised := envelope.Header{Kind: envelope.KindError, Type: "ValueError", Message: "no\x1b", Traceback: "Traceback"}
	for _, e := range []struct {
		outcome string
		body    *envelope.Header
		state   scheduler.State
		reason  scheduler.Reason
		detail  string
	}{
		{"failed", &raised, scheduler.Failed, scheduler.ReasonError, "ValueError: no "},
		{"failed", &envelope.Header{Kind: envelope.KindError, Type: "MemoryError", Reason: "oom"}, scheduler.Failed, scheduler.ReasonOOM, "MemoryError"},
		{"timed_out", &raised, scheduler.Failed, scheduler.ReasonTimeout, "ValueError: no "},
		{"timed_out", nil, scheduler.Failed, scheduler.ReasonTimeout, "its time limit passed"},
		{"released", nil, scheduler.Queued, "", ""},
	} {
		id := w.submit(w.ana, `{"msg": 1}`)
		job := c.take()
		if e.body != nil {
			w.ok(c.finish(job, e.outcome, *e.body), 204, nil)
		} else {
			w.ok(w.do(w.ana, "POST", "/consumer/finish"+c.params(job, "&outcome="+e.outcome), nil), 204, nil)
		}
		j := w.job(w.ana, id)
		if j.State != e.state || j.Reason != e.reason || j.Detail != e.detail {
			t.Errorf("%s: %s %s %q", e.outcome, j.State, j.Reason, j.Detail)
		}
	}
}

// TestConsumerLargeResult: what does not fit into the store is a blob.
func TestConsumerLargeResult(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.consumer(w.ana, consumerA, "f")
	id := w.submit(w.ana, fmt.Sprintf(`{"msg": %q}`, strings.Repeat("m", 20_000)))
	job := c.take()
	if len(job.Msg) != 20_002 {
		t.Errorf("msg of %d bytes", len(job.Msg))
	}
	c.succeed(job, strings.Repeat("r", 30_000))
	if j, err := w.sched.Job(t.Context(), id); err != nil || j.Result.Inline || j.Result.Size < 30_000 {
		t.Errorf("the result is %+v, %v", j.Result, err)
	}
	if got := w.do(w.ana, "GET", path(id, "/result"), nil); len(got.body) != 30_000 {
		t.Errorf("result of %d bytes", len(got.body))
	}
}

// TestTakeAgain: the answer to a take was lost, and it is repeated: the same job. Another
// take is told that this one has not ended.
func TestTakeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.consumer(w.ana, consumerA, "f")
	w.submit(w.ana, `{"msg": 1}`)
	w.submit(w.ana, `{"msg": 2}`)
	asking := c.asking(10)
	var first, again api.ConsumerJob
	w.ok(c.post("take", asking), 200, &first)
	w.ok(c.post("take", asking), 200, &again)
	if first.Job != again.Job || first.Fence != again.Fence || string(again.Msg) != "1" {
		t.Errorf("first %+v, again %+v", first, again)
	}
	p := w.refused(c.post("take", c.asking(0)), 409, api.CodeInUse)
	if !strings.Contains(p.Detail, fmt.Sprint(first.Job)) {
		t.Errorf("detail %q", p.Detail)
	}
	c.succeed(first, "1")
	if next := c.take(); string(next.Msg) != "2" {
		t.Errorf("next %+v", next)
	}
}

// TestConsumerIsToldToStop: of a cancel, of a revoke, of a lease that is gone.
func TestConsumerIsToldToStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.consumer(w.ana, consumerA, "f")
	stop := func(job api.ConsumerJob) []api.ConsumerStop {
		var renewed api.ConsumerRenewed
		w.ok(c.post("renew", api.ConsumerRenew{Consumer: c.id, Leases: []api.LeaseRef{{Job: job.Job, Fence: job.Fence}}}), 200, &renewed)
		return renewed.Stop
	}
	id := w.submit(w.ana, `{"msg": 1}`)
	job := c.take()
	w.ok(w.do(w.ana, "DELETE", path(id, ""), nil), 200, nil)
	if got := stop(job); len(got) != 1 || got[0].Job != id || got[0].Outcome != scheduler.OutcomeCancelled || got[0].Why == "" {
		t.Errorf("of a cancel: %+v", got)
	}
	w.ok(w.do(w.ana, "POST", "/consumer/finish"+c.params(job, "&outcome=cancelled"), nil), 204, nil)
	if j := w.job(w.ana, id); j.State != scheduler.Cancelled {
		t.Errorf("it is %s", j.State)
	}
	if got := stop(job); len(got) != 1 || got[0].Outcome != scheduler.OutcomeLost {
		t.Errorf("of a lease that is over: %+v", got)
	}
	id = w.submit(w.ana, `{"msg": 1}`)
	job = c.take()
	w.ok(w.do(w.admin, "DELETE", fmt.Sprintf("/leases/%d?then=requeue&reason=needed", id), nil), 200, nil)
	if got := stop(job); len(got) != 1 || got[0].Outcome != scheduler.OutcomeReleased || !strings.Contains(got[0].Why, "needed") {
		t.Errorf("of a revoke: %+v", got)
	}
}

// TestConsumerLost: its leases ended without it; what it says late changes nothing.
func TestConsumerLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.consumer(w.ana, consumerA, "f")
	id := w.submit(w.ana, `{"msg": 1}`)
	job := c.take()
	must(t, w.sched.EndConsumer(t.Context(), c.id, "the test says so"))
	other := w.consumer(w.ana, consumerB, "f")
	again := other.take()
	if again.Job != id || again.Attempt != 2 {
		t.Errorf("took %+v", again)
	}
	w.refused(c.finish(job, "succeeded", envelope.Header{Kind: envelope.KindResult, Value: envelope.ValueText}, view("late")), 409, "stale-lease")
	var renewed api.ConsumerRenewed
	w.ok(c.post("renew", api.ConsumerRenew{Consumer: c.id, Leases: []api.LeaseRef{{Job: id, Fence: job.Fence}}}), 200, &renewed)
	if len(renewed.Stop) != 1 || renewed.Stop[0].Outcome != scheduler.OutcomeLost {
		t.Errorf("renewed %+v", renewed)
	}
	other.succeed(again, "2")
	w.ok(c.post("take", c.asking(0)), 204, nil) // it is known again
}
