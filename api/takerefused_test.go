package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

// TestConsumerOfAnotherUser: neither its id nor its leases are theirs.
func TestConsumerOfAnotherUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.consumer(w.ana, consumerA, "f")
	w.submit(w.ana, `{"msg": 1}`)
	job := c.take()
	thief := w.consumer(w.bob, consumerA, "f")
	ref := api.LeaseRef{Job: job.Job, Fence: job.Fence}
	w.refused(thief.post("take", thief.asking(0)), 403, api.CodeForbidden)
	w.refused(thief.post("renew", api.ConsumerRenew{Consumer: c.id, Leases: []api.LeaseRef{ref}}), 403, api.CodeForbidden)
	w.refused(thief.post("progress", api.ConsumerProgress{LeaseRef: ref, Consumer: c.id, Progress: json.RawMessage("1")}), 403, api.CodeForbidden)
	w.refused(thief.finish(job, "succeeded", envelope.Header{Kind: envelope.KindResult}), 403, api.CodeForbidden)
	w.refused(w.do(w.bob, "PUT", "/consumer/log"+c.params(job, "&offset=0"), []byte("x")), 403, api.CodeForbidden)
	own := w.consumer(w.bob, consumerB, "f")
	w.ok(own.post("take", own.asking(0)), 204, nil) // no message of ana's
	w.refused(own.finish(job, "succeeded", envelope.Header{Kind: envelope.KindResult}), 409, "stale-lease")
	c.succeed(job, "1")
}

// TestConsumerToken: revoked, it ends what the process may do.
func TestConsumerToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.consumer(w.ana, consumerA, "f")
	w.submit(w.ana, `{"msg": 1}`)
	job := c.take()
	c.token = "mlq_user_nobody"
	w.refused(c.post("take", c.asking(0)), 401, api.CodeUnauthorized)
	w.refused(c.finish(job, "succeeded", envelope.Header{Kind: envelope.KindResult}), 401, api.CodeUnauthorized)
	c.token = w.agent
	w.refused(c.post("take", c.asking(0)), 403, api.CodeForbidden)
}

// TestConsumerInputs: rows of what is refused, and in which words.
func TestConsumerInputs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.consumer(w.ana, consumerA, "f")
	w.submit(w.ana, `{"msg": 1}`)
	job := c.take()
	good := `"consumer": "` + consumerB + `", "functions": ["f"], "claim": "0123456789abcdef"`
	for _, r := range []struct {
		path, body string
		status     int
		code       api.Code
		words      string
	}{
		{"take", `{` + good + `, "wait": -1}`, 422, api.CodeInvalidField, "seconds"},
		{"take", `{"consumer": "ABC", "functions": ["f"], "claim": "0123456789abcdef"}`, 422, api.CodeInvalidField, "16 hexadecimal digits"},
		{"take", `{"consumer": "` + consumerB + `", "functions": ["f"], "claim": "x"}`, 422, api.CodeInvalidField, "claim"},
		{"take", `{"consumer": "` + consumerB + `", "functions": [], "claim": "0123456789abcdef"}`, 422, api.CodeInvalidField, "1 to 1000"},
		{"take", `{"consumer": "` + consumerB + `", "functions": ["a b"], "claim": "0123456789abcdef"}`, 422, api.CodeInvalidField, "no function's name"},
		{"take", `{"functions": ["f"], "claim": "0123456789abcdef"}`, 400, api.CodeBadRequest, "consumer: it is missing"},
		{"take", `{` + good + `, "more": 1}`, 400, "unknown-field", "more"},
		{"take", `[]`, 400, "bad-json", ""},
		{"renew", `{"consumer": "` + consumerA + `", "leases": [{"job": 0, "fence": 1}]}`, 400, api.CodeBadRequest, "job"},
		{"progress", fmt.Sprintf(`{"consumer": "%s", "job": %d, "fence": %d, "progress": "%s"}`, consumerA, job.Job, job.Fence, strings.Repeat("x", 5000)), 422, api.CodeInvalidField, "4096"},
		{"finish" + c.params(job, "&outcome=lost"), ``, 422, api.CodeInvalidField, "outcome: want"},
		{"finish" + c.params(job, "&outcome=succeeded"), ``, 415, api.CodeMediaType, envelope.Media},
		{"finish?consumer=" + consumerA + "&outcome=succeeded", ``, 400, api.CodeBadRequest, "job"},
		{"finish?consumer=x&job=1&fence=1&outcome=succeeded", ``, 422, api.CodeInvalidField, "16 hexadecimal digits"},
	} {
		p := w.refused(w.do(w.ana, "POST", "/consumer/"+r.path, r.body), r.status, r.code)
		if !strings.Contains(p.Detail, r.words) {
			t.Errorf("%s %s: %q", r.path, r.body, p.Detail)
		}
	}
	for name, body := range map[string]string{
		"no envelope":  "hello",
		"another kind": string(mustEncode(t, envelope.Header{Kind: envelope.KindError, Type: "E"})),
	} {
		p := w.refused(w.do(w.ana, "POST", "/consumer/finish"+c.params(job, "&outcome=succeeded"), body, header{"Content-Type", envelope.Media}), 400, "bad-envelope")
		if p.Detail == "" {
			t.Errorf("%s: no words", name)
		}
	}
	if j := w.job(w.ana, job.Job); j.State != scheduler.Running {
		t.Errorf("the job is %s", j.State)
	}
	c.succeed(job, "1")
}

func mustEncode(t *testing.T, h envelope.Header) []byte {
	t.Helper()
	data, err := envelope.Encode(h)
	must(t, err)
	return data
}

// TestHostNamedAsAConsumer: no host has such a name, and no agent acts for one.
func TestHostNamedAsAConsumer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.refused(w.do(w.admin, "POST", "/hosts", `{"host": "consumer-`+consumerA+`"}`), 422, api.CodeInvalidField)
	w.refused(w.do(w.admin, "GET", "/agents/consumer-"+consumerA, nil), 403, api.CodeForbidden)
}
