package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

func TestSubmitAnswersTheIDAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.do(w.ana, "POST", "/jobs", `{"msg": {"arg1": 6, "arg2": 3}}`)
	if a.status != 201 || string(a.body) != "1" || a.header.Get("Location") != "/jobs/1" {
		t.Fatalf("got %d %q, Location %q", a.status, a.body, a.header.Get("Location"))
	}
	j := w.job(w.ana, 1)
	if j.State != scheduler.Queued || j.User != "ana" || string(j.Msg) != `{"arg1":6,"arg2":3}` || string(j.Progress) != "null" {
		t.Errorf("the job reads %+v", j)
	}
	if j.Position != 1 || j.Timestamp == 0 || j.Worker != nil || j.ProcessingStarted != nil {
		t.Errorf("position %d, timestamp %f, worker %v", j.Position, j.Timestamp, j.Worker)
	}
}

// TestPredecessorsNames: every name of the predecessor's job is in the JSON, also where it has no value yet.
func TestPredecessorsNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1,"functions":["f"],"callback":"http://example.org/x"}`)
	var fields map[string]json.RawMessage
	w.ok(w.do(w.ana, "GET", path(id, ""), nil), 200, &fields)
	for name := range strings.FieldsSeq("id timestamp worker processing_started processing_finished progress short_result result callback retries functions msg") {
		if _, ok := fields[name]; !ok {
			t.Errorf("no field %s", name)
		}
	}
	if string(fields["functions"]) != `["f"]` || string(fields["callback"]) != `"http://example.org/x"` {
		t.Errorf("functions %s, callback %s", fields["functions"], fields["callback"])
	}
}

func TestEnvVarsAreShownToNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1,"env_vars":{"SECRET":"hunter2","A":"b"}}`)
	for _, token := range []string{w.ana, w.admin} {
		a := w.do(token, "GET", path(id, ""), nil)
		if strings.Contains(string(a.body), "hunter2") || !strings.Contains(string(a.body), `"env_vars":["A","SECRET"]`) {
			t.Errorf("got %s", a.body)
		}
	}
}

func TestEnvelopeSubmit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := callEnvelope(t, 10)
	media := header{"Content-Type", envelope.Media}
	id := w.submit(w.ana, string(body), media)
	spec, err := w.sched.Spec(t.Context(), id)
	must(t, err)
	if spec.Media != scheduler.MediaEnvelope || string(spec.Body) != string(body) {
		t.Error("the body was not kept byte for byte")
	}
	if j := w.job(w.ana, id); j.Name != "train" && j.Function != "train" {
		t.Errorf("named %q, %q", j.Name, j.Function)
	}
	large := callEnvelope(t, 20_000)
	id = w.submit(w.ana, string(large), media)
	if spec, err = w.sched.Spec(t.Context(), id); err != nil || len(spec.Body) > 300 {
		t.Fatalf("a large body stayed in the store: %d bytes, %v", len(spec.Body), err)
	}
	a := w.do(w.agent, "GET", "/blobs/"+blob.Sum(large), nil)
	if a.status != 200 || string(a.body) != string(large) {
		t.Errorf("the agent gets %d, %d bytes", a.status, len(a.body))
	}
	if w.job(w.ana, id).Function != "train" {
		t.Error("a large spec is not shown")
	}
}

func callEnvelope(t testing.TB, size int) []byte {
	t.Helper()
	data, err := envelope.Encode(envelope.Header{Kind: envelope.KindCall, Function: "train", Python: "3.11.7"},
		envelope.Part{Name: "code", Data: []byte("c")}, envelope.Part{Name: "args", Data: make([]byte, size)})
	must(t, err)
	return data
}

func TestUploadedCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := callEnvelope(t, 20_000)
	sum := blob.Sum(body)
	call := fmt.Sprintf(`{"call":{"sha256":%q,"size":%d,"function":"train","python":"3.11.7"},"name":"big"}`, sum, len(body))
	w.refused(w.do(w.ana, "POST", "/jobs", call), 409, api.CodeBlobMissing)
	w.ok(w.do(w.ana, "PUT", "/blobs/"+sum, body), 201, nil)
	w.submit(w.ana, call)
	w.refused(w.do(w.ana, "POST", "/jobs", strings.Replace(call, fmt.Sprint(len(body)), "5", 1)), 422, api.CodeDigest)
	junk := []byte("junk")
	w.ok(w.do(w.ana, "PUT", "/blobs/"+blob.Sum(junk), junk), 201, nil)
	w.refused(w.do(w.ana, "POST", "/jobs", strings.Replace(call, "3.11.7", "3.12.7", 1)), 422, api.CodeInvalidField)
	other := fmt.Sprintf(`{"call":{"sha256":%q,"size":4,"function":"train","python":"3.11.7"}}`, blob.Sum(junk))
	w.refused(w.do(w.ana, "POST", "/jobs", other), 400, "bad-envelope")
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := header{"Idempotency-Key", "once"}
	first := w.submit(w.ana, `{"msg":1}`, key)
	again := w.do(w.ana, "POST", "/jobs", `{"msg":1}`, key)
	if string(again.body) != fmt.Sprint(first) || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the repeat answered %s", again.body)
	}
	w.refused(w.do(w.ana, "POST", "/jobs", `{"msg":2}`, key), 422, "key-reused")
	if w.submit(w.bob, `{"msg":2}`, key) == first {
		t.Error("two users share a key")
	}
	w.refused(w.do(w.ana, "POST", "/jobs", `{"msg":1}`, header{"Idempotency-Key", strings.Repeat("k", 256)}), 400, api.CodeBadRequest)
	field := w.submit(w.ana, `{"msg":1,"key":"mine"}`)
	if w.submit(w.ana, `{"msg":1,"key":"mine"}`) != field {
		t.Error("the field key made two jobs")
	}
}

// TestOneKeyAtOnce: whoever comes while the first is under way gets its job.
func TestOneKeyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := make(chan string, 16)
	for range cap(ids) {
		go func() {
			ids <- string(w.do(w.ana, "POST", "/jobs", `{"msg":1}`, header{"Idempotency-Key", "once"}).body)
		}()
	}
	first := <-ids
	for range cap(ids) - 1 {
		if id := <-ids; id != first {
			t.Errorf("one answer is %s, another %s", first, id)
		}
	}
	if n := w.count(); n != 1 {
		t.Errorf("%d jobs", n)
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ids []scheduler.JobID
	w.ok(w.do(w.ana, "POST", "/jobs/batch", `{"jobs":[{"msg":1},{"msg":2,"name":"two"},{"command":["ls"]}]}`), 201, &ids)
	if len(ids) != 3 || w.job(w.ana, ids[1]).Name != "two" {
		t.Fatalf("ids %v", ids)
	}
	media := header{"Content-Type", envelope.MediaBatch}
	both := append(callEnvelope(t, 5), callEnvelope(t, 9000)...)
	w.ok(w.do(w.ana, "POST", "/jobs/batch", both, media), 201, &ids)
	if len(ids) != 2 {
		t.Fatalf("ids %v", ids)
	}
	// One wrong member: nothing at all is queued.
	before := w.count()
	p := w.refused(w.do(w.ana, "POST", "/jobs/batch", `{"jobs":[{"msg":1},{"msg":1,"gpus":-1}]}`), 422, api.CodeInvalidField)
	if len(p.Errors) != 1 || p.Errors[0].Pointer != "/jobs/1/gpus" {
		t.Errorf("errors %+v", p.Errors)
	}
	w.refused(w.do(w.ana, "POST", "/jobs/batch", both[:len(both)-1], media), 400, "bad-envelope")
	w.refused(w.do(w.ana, "POST", "/jobs/batch", `{"jobs":[]}`), 422, api.CodeInvalidField)
	w.refused(w.do(w.ana, "POST", "/jobs/batch", `{"jobs":[`+strings.Repeat(`{"msg":1},`, 10_000)+`{"msg":1}]}`), 422, api.CodeInvalidField)
	if w.count() != before {
		t.Errorf("%d jobs after refused batches, %d before", w.count(), before)
	}
}

func (w *world) count() (n int64) {
	w.Helper()
	w.ok(w.do(w.ana, "GET", "/jobs/count", nil), 200, &n)
	return n
}

func TestLargestBatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ids []scheduler.JobID
	body := `{"jobs":[` + strings.Repeat(`{"msg":1},`, 9_999) + `{"msg":1}]}`
	key := header{"Idempotency-Key", "map"}
	w.ok(w.do(w.ana, "POST", "/jobs/batch", body, key), 201, &ids)
	if len(ids) != 10_000 || w.count() != 10_000 {
		t.Fatalf("%d ids, %d queued", len(ids), w.count())
	}
	var again []scheduler.JobID
	w.ok(w.do(w.ana, "POST", "/jobs/batch", body, key), 201, &again)
	if len(again) != 10_000 || again[9_999] != ids[9_999] || w.count() != 10_000 {
		t.Error("a repeat did not answer the same ids")
	}
}
