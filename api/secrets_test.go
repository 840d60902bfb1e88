package api_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/api/secrets"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler"
)

// marker is a value of these tests, which must not come out where it does not belong.
const marker = "marker-5f1c"

func (w *world) setSecret(token, name, value string) {
	w.Helper()
	w.ok(w.do(token, "PUT", "/secrets/"+name, fmt.Sprintf(`{"value":%q}`, value), asJSON), http.StatusOK, nil)
}

// values asks for the secrets of a lease.
func (l lease) values(token string) answer {
	l.Helper()
	return l.do(token, "GET", path(l.ref.Job, fmt.Sprintf("/attempts/%d/secrets?fence=%d", l.n, l.ref.Fence)), nil)
}

func (l lease) wantValues(token string, want map[string]string) {
	l.Helper()
	var got struct{ Variables map[string]string }
	l.ok(l.values(token), http.StatusOK, &got)
	if !reflect.DeepEqual(got.Variables, want) {
		l.Errorf("got %v, want %v", got.Variables, want)
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	log := &logged{}
	w := newWorld(t, func(o *api.Options) { o.Log = zerolog.New(log).Level(zerolog.TraceLevel) })
	w.setSecret(w.ana, "HF_TOKEN", marker)
	w.setSecret(w.ana, "wandb", marker)
	var list struct{ Secrets []api.Secret }
	w.ok(w.do(w.ana, "GET", "/secrets", nil), http.StatusOK, &list)
	if len(list.Secrets) != 2 || list.Secrets[0].Name != "HF_TOKEN" || list.Secrets[0].Set.IsZero() {
		t.Errorf("listed: %+v", list)
	}
	for _, other := range []string{w.bob, w.admin} {
		w.ok(w.do(other, "GET", "/secrets", nil), http.StatusOK, &list)
		if len(list.Secrets) != 0 {
			t.Errorf("another one sees %+v", list)
		}
		w.refused(w.do(other, "DELETE", "/secrets/HF_TOKEN", nil), 404, api.CodeNotFound)
	}
	id := w.submit(w.ana, `{"msg":1,"secrets":{"WANDB_API_KEY":"wandb","HF_TOKEN":"HF_TOKEN"}}`)
	if got, want := w.job(w.ana, id).Secrets, map[string]string{"WANDB_API_KEY": "wandb", "HF_TOKEN": "HF_TOKEN"}; !reflect.DeepEqual(got, want) {
		t.Errorf("the job shows %v", got)
	}
	if a := w.do(w.ana, "GET", path(id, ""), nil); strings.Contains(string(a.body), marker) {
		t.Errorf("the job shows values: %s", a.body)
	}
	if a := w.do(w.ana, "DELETE", "/secrets/wandb", nil); a.status != http.StatusNoContent {
		t.Errorf("removed: %d %s", a.status, a.body)
	}
	w.refused(w.do(w.ana, "DELETE", "/secrets/wandb", nil), 404, api.CodeNotFound)
	for _, c := range []struct {
		name, body string
		status     int
		code       api.Code
	}{
		{"A", `{"value":"` + marker, 400, "bad-json"},
		{"A", `{"value":"` + marker + `","value":"` + marker + `"}`, 400, "bad-json"},
		{"A", `"` + marker + `"`, 400, "bad-json"},
		{"A", `{"` + marker + `":"v"}`, 422, api.CodeInvalidField},
		{"A", `{"value":["` + marker + `"]}`, 422, api.CodeInvalidField},
		{"A", `{"value":null}`, 422, api.CodeInvalidField},
		{"A", `{"value":""}`, 422, api.CodeInvalidField},
		{"A", `{"value":"` + marker + `\u0000"}`, 422, api.CodeInvalidField},
		{"A", `{"value":"` + strings.Repeat(marker, 4000) + `"}`, 422, api.CodeInvalidField},
		{"A-B", `{"value":"` + marker + `"}`, 422, api.CodeInvalidField},
		{"a%2f..", `{"value":"` + marker + `"}`, 422, api.CodeInvalidField},
	} {
		a := w.do(w.ana, "PUT", "/secrets/"+c.name, c.body, asJSON)
		w.refused(a, c.status, c.code)
		if strings.Contains(string(a.body), marker) {
			t.Errorf("the refusal repeats what was sent: %s", a.body)
		}
	}
	if text := log.String(); strings.Contains(text, marker) || !strings.Contains(text, `"secret":"HF_TOKEN"`) {
		t.Errorf("the log: %s", text)
	}
}

func TestUnknownSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setSecret(w.ana, "HF_TOKEN", marker)
	for body, want := range map[string]string{
		`{"msg":1,"secrets":["HF_TOKN"]}`:    "no secret HF_TOKN; did you mean HF_TOKEN?",
		`{"msg":1,"secrets":{"A":"OTHERS"}}`: "no secret OTHERS; mlq secret set OTHERS",
	} {
		p := w.refused(w.do(w.ana, "POST", "/jobs", body), 422, api.CodeUnknownSecret)
		if !strings.Contains(p.Detail, want) || p.Errors[0].Pointer != "/secrets" {
			t.Errorf("%s: %+v", body, p)
		}
	}
	w.refused(w.do(w.bob, "POST", "/jobs", `{"msg":1,"secrets":["HF_TOKEN"]}`), 422, api.CodeUnknownSecret)
	p := w.refused(w.do(w.ana, "POST", "/jobs/batch", `{"jobs":[{"msg":1,"secrets":["HF_TOKEN"]},{"msg":1,"secrets":["NO"]}]}`), 422, api.CodeUnknownSecret)
	if p.Errors[0].Pointer != "/jobs/1/secrets" {
		t.Errorf("of a batch: %+v", p)
	}
	if a := w.do(w.ana, "GET", "/jobs/count", nil); string(a.body) != "0" {
		t.Errorf("%s jobs were taken", a.body)
	}
}

// TestSecretsOfTheLease: values go to the agent that is about to start the attempt, and
// to nobody else, at no other time.
func TestSecretsOfTheLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	node, device := w.token("node1", auth.RoleAgent), w.token("node", auth.RoleAgent)
	w.setSecret(w.ana, "HF_TOKEN", "old")
	w.setSecret(w.bob, "HF_TOKEN", "bob's")
	first, second := w.submit(w.ana, `{"msg":1,"secrets":{"T":"HF_TOKEN"}}`), w.submit(w.bob, `{"msg":1,"secrets":["HF_TOKEN"]}`)
	w.setSecret(w.ana, "HF_TOKEN", "new")
	l, other := w.claim(first, 0), w.claim(second, 1)
	l.wantValues(node, map[string]string{"T": "new"})
	other.wantValues(node, map[string]string{"HF_TOKEN": "bob's"})
	for name, asks := range map[string]string{"user": w.ana, "the job itself": l.token, "another's job": other.token, "metrics": w.prom, "admin": w.admin} {
		if a := l.values(asks); a.status != http.StatusForbidden || strings.Contains(string(a.body), "new") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	w.refused(l.values(w.agent), 403, api.CodeForbidden) // of another host
	w.refused(l.values(device), 403, api.CodeForbidden)  // whose name only begins alike
	wrong := l
	wrong.ref.Fence++
	w.refused(wrong.values(node), 409, "stale-lease")
	wrong = l
	wrong.n++
	w.refused(wrong.values(node), 409, "stale-lease")
	wrong = l
	wrong.ref.Job = second
	w.refused(wrong.values(node), 409, "stale-lease")
	w.refused(w.do(node, "GET", path(first, "/attempts/1/secrets"), nil), 400, api.CodeBadRequest)

	must(t, w.sched.Start(t.Context(), other.ref))
	w.refused(other.values(node), 409, "stale-lease") // it has them
	_, err := w.sched.Finish(t.Context(), other.ref, scheduler.Finish{Outcome: scheduler.OutcomeFailed, Reason: scheduler.ReasonError})
	must(t, err)
	w.refused(other.values(node), 409, "stale-lease")

	must(t, w.sched.Release(t.Context(), l.ref, "draining"))
	w.refused(l.values(node), 409, "stale-lease")
	w.setSecret(w.ana, "HF_TOKEN", "of the next attempt")
	again := w.claimElsewhere(first, "node2@0")
	again.wantValues(w.token("node2", auth.RoleAgent), map[string]string{"T": "of the next attempt"})
	w.refused(again.values(node), 403, api.CodeForbidden)
	if a := w.do(w.ana, "DELETE", "/secrets/HF_TOKEN", nil); a.status != http.StatusNoContent {
		t.Fatalf("removed: %d", a.status)
	}
	p := w.refused(again.values(w.token("node2", auth.RoleAgent)), 422, api.CodeUnknownSecret)
	if !strings.Contains(p.Detail, "HF_TOKEN was removed before the job started") {
		t.Errorf("of a removed one: %s", p.Detail)
	}
}

// claimElsewhere takes a job as the agent of another host.
func (w *world) claimElsewhere(id scheduler.JobID, host string) lease {
	w.Helper()
	inv := w.inv
	inv.Host = host
	inv.Devices = slices.Clone(w.inv.Devices[:1])
	inv.Devices[0].UUID = "CPU-" + host
	joined, err := w.sched.Join(w.Context(), inv, nil, nil)
	must(w, err)
	hash := token.Hash(token.NewSecret())
	won, err := w.sched.Claim(w.Context(), scheduler.ClaimRequest{
		Host: host, Epoch: joined.Epoch, Job: id, Devices: []string{"CPU-" + host}, ClaimID: host, TokenSHA256: hash[:],
	})
	must(w, err)
	return lease{world: w, ref: scheduler.LeaseRef{Job: id, Fence: won.Fence}, n: won.Job.Attempt().N}
}

// TestSecretsOfARequeue: the new job names what the old one did, and belongs to the same
// user, whoever asked for it.
func TestSecretsOfARequeue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setSecret(w.ana, "A", "ana's")
	w.setSecret(w.admin, "A", "the admin's")
	id := w.submit(w.ana, `{"msg":1,"secrets":["A"]}`)
	w.ok(w.do(w.ana, "DELETE", path(id, ""), nil), 200, nil)
	var again scheduler.JobID
	w.ok(w.do(w.admin, "POST", path(id, "/requeue"), nil), http.StatusCreated, &again)
	w.claim(again, 0).wantValues(w.token("node1", auth.RoleAgent), map[string]string{"A": "ana's"})
}

// TestSecretsOfARemovedUser: whoever has that name later finds nothing.
func TestSecretsOfARemovedUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setSecret(w.ana, "A", "ana's")
	w.setSecret(w.bob, "A", "bob's")
	w.ok(w.do(w.admin, "DELETE", "/users/ana", nil), 200, nil)
	for token, want := range map[string]int{w.token("ana", auth.RoleUser): 0, w.bob: 1} {
		var list struct{ Secrets []api.Secret }
		w.ok(w.do(token, "GET", "/secrets", nil), 200, &list)
		if len(list.Secrets) != want {
			t.Errorf("%d secrets, want %d: %+v", len(list.Secrets), want, list)
		}
	}
}

// TestSecretsOfEachKindOfBody: wherever the body lies, its request is found.
func TestSecretsOfEachKindOfBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	node := w.token("node1", auth.RoleAgent)
	w.setSecret(w.ana, "A", "v")
	w.join()
	large := strings.Repeat("x", scheduler.InlineLimit)
	envelopeOf := func(args string) string {
		data, err := envelope.Encode(envelope.Header{
			Kind: envelope.KindCall, Function: "train", Python: "3.11.7", Request: []byte(`{"secrets":["A"]}`),
		}, envelope.Part{Name: "code", Data: []byte("c")}, envelope.Part{Name: "args", Data: []byte(args)})
		must(t, err)
		return string(data)
	}
	uploaded := envelopeOf(large)
	w.ok(w.do(w.ana, "PUT", "/blobs/"+blob.Sum([]byte(uploaded)), uploaded), http.StatusCreated, nil)
	call := fmt.Sprintf(`{"call":{"sha256":%q,"size":%d,"function":"train","python":"3.11.7"},"secrets":["A"]}`, blob.Sum([]byte(uploaded)), len(uploaded))
	for name, body := range map[string]string{
		"JSON": `{"msg":1,"secrets":["A"]}`, "large JSON": `{"msg":"` + large + `","secrets":["A"]}`,
		"envelope": envelopeOf("a"), "large envelope": envelopeOf(large), "uploaded": call,
	} {
		media := header{"Content-Type", scheduler.MediaJSON}
		if strings.Contains(name, "envelope") {
			media.value = scheduler.MediaEnvelope
		}
		l := w.claim(w.submit(w.ana, body, media), 0)
		t.Logf("%s is job %d", name, l.ref.Job)
		l.wantValues(node, map[string]string{"A": "v"})
		must(t, w.sched.Start(t.Context(), l.ref))
		l.succeed(envelope.Header{Value: envelope.ValueJSON}, view("1"))
	}
}

// TestRevokedBeforeTheValues: an agent that is revoked while the call is hashed gets none.
func TestRevokedBeforeTheValues(t *testing.T) {
	t.Parallel()
	folder, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = folder.Close() })
	text := `{"msg":"` + strings.Repeat("x", 1<<20) + `"}`
	call, err := envelope.Encode(envelope.Header{
		Kind: envelope.KindCall, Function: "train", Python: "3.11.7", Request: []byte(`{"secrets":["A"]}`),
	}, envelope.Part{Name: "code", Data: []byte("c")}, envelope.Part{Name: "args", Data: []byte(text)})
	must(t, err)
	h := &halting{Folder: folder, slow: blob.Sum(call), halted: make(chan struct{}, 16), gate: make(chan struct{})}
	w := newWorld(t, func(o *api.Options) { o.Blobs = h })
	node := w.token("node1", auth.RoleAgent)
	w.setSecret(w.ana, "A", marker)
	w.join()
	l := w.claim(w.submit(w.ana, string(call), header{"Content-Type", scheduler.MediaEnvelope}), 0)
	got := make(chan answer)
	go func() { got <- l.values(node) }()
	select {
	case <-h.halted:
	case a := <-got:
		t.Fatalf("it was not hashed: %d %s", a.status, a.body)
	}
	must(t, w.tokens.Revoke(t.Context(), strings.Split(node, "_")[2]))
	w.refused(<-got, 401, api.CodeUnauthorized) // the gate is shut still
	close(h.gate)
}

// TestNoKey: a server without the key says so, and its log says what to do.
func TestNoKey(t *testing.T) {
	t.Parallel()
	log := &logged{}
	key := filepath.Join(t.TempDir(), "secret.key")
	w := newWorld(t, func(o *api.Options) {
		o.Log = zerolog.New(log)
		o.Secrets = secrets.New(o.Store, key)
	})
	first := secrets.New(w.st, filepath.Join(t.TempDir(), "first.key"))
	_, err := first.Set(t.Context(), "ana", "A", marker)
	must(t, err)
	p := w.refused(w.do(w.ana, "PUT", "/secrets/B", `{"value":"v"}`, asJSON), 503, api.CodeNoKey)
	if !strings.Contains(p.Detail, "cannot open secrets") || strings.Contains(p.Detail, "secret.key") {
		t.Errorf("the answer: %+v", p)
	}
	l := w.claim(w.submit(w.ana, `{"msg":1,"secrets":["A"]}`), 0)
	a := l.values(w.token("node1", auth.RoleAgent))
	w.refused(a, 503, api.CodeNoKey)
	if text := log.String(); !strings.Contains(text, "give it the file of the server that set them") {
		t.Errorf("the log: %s", text)
	}
	if _, err := os.Stat(key); !os.IsNotExist(err) {
		t.Errorf("it made a key of its own: %v", err)
	}
}
