package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/fuzzseed"
)

// asked is a request as the fuzzer makes it.
type asked struct {
	as                        byte // whose token
	method, path, name, value string
	body                      []byte
}

// requests are those with everything that the server reads of one.
var requests = []asked{
	{1, "POST", "/jobs", "Idempotency-Key", "k", []byte(`{"msg":1,"labels":{"a":"b"}}`)},
	{1, "POST", "/jobs/batch", "Content-Type", "application/json", []byte(`{"jobs":[{"msg":1},{"hold":"1h"}]}`)},
	{1, "GET", "/jobs?state=queued&limit=1000000000&before=7&reason=timeout&name=*", "Host", "127.0.0.1", nil},
	{1, "GET", "/jobs/1?wait=-1", "Host", "evil.example", nil},
	{1, "GET", "/jobs/..%2f..%2fetc", "X-Request-Id", "a b", nil},
	{1, "GET", "/jobs/1%00/result.pkl%00.html", "Range", "bytes=0-1,2-3", nil},
	{1, "GET", "/jobs/1/files/..%2f..%2fetc/passwd", "Range", "bytes=9223372036854775807-", nil},
	{1, "GET", "/jobs/1/logs?attempt=1&offset=-1&follow=0", "If-None-Match", `"x"`, nil},
	{1, "GET", "/jobs/1/events?after=1-2", "Last-Event-ID", "18446744073709551615-4294967295", nil},
	{1, "POST", "/jobs/1/links", "Origin", "https://evil", []byte(`{"path":"/result","ttl":"1h"}`)},
	{0, "GET", "/jobs/1/result?expires=1&token=x&signature=aGVsbG8", "Sec-Fetch-Site", "cross-site", nil},
	{0, "POST", "/join", "Content-Type", "application/json", []byte(`{"code":"mlq_join_x","host":"h","token":"t"}`)},
	{1, "PUT", "/secrets/A", "Content-Type", "application/json", []byte(`{"value":"s"}`)},
	{1, "PUT", "/data/a%2Fb?ttl=1h", "Content-Type", "application/octet-stream", []byte("x")},
	{1, "POST", "/consumer?gpus=1&name=f", "Content-Type", "application/json", []byte(`{"py/b64":"Y19fbWFpbl9fCmYKLg=="}`)},
	{1, "POST", "/consumer/take", "Content-Type", "application/json", []byte(`{"consumer":"0123456789abcdef","functions":["f"],"wait":"0"}`)},
	{1, "POST", "/purge?older=1h", "Content-Type", "application/json", nil},
	{2, "POST", "/agents/node1/renew", "Content-Type", "application/json", []byte(`{"epoch":1,"number":1,"leases":[{"job":1,"fence":2}]}`)},
	{2, "POST", "/agents/node1/claim", "Content-Type", "application/json", []byte(`{"epoch":1,"job":1,"user":"ana","devices":["GPU-1"],"claim_id":"c","token_sha256":"","work_dir":""}`)},
	{2, "POST", "/agents/node1/finish", "Content-Type", "application/json", []byte(`{"job":1,"fence":18446744073709551615,"outcome":"succeeded"}`)},
	{2, "POST", "/agents/node1/view", "Content-Type", "application/json", []byte(`{"seed":1,"devices":[],"environments":[]}`)},
	{2, "PUT", "/jobs/1/attempts/1/log?offset=0&fence=1", "Content-Type", "application/octet-stream", []byte("log")},
	{3, "PATCH", "/users/bob", "Content-Type", "application/json", []byte(`{"max_gpus":1,"rate":0.5}`)},
	{3, "POST", "/tokens", "Content-Type", "application/json", []byte(`{"user":"x","role":"user","ttl":"1h"}`)},
	{3, "POST", "/gpus/GPU-1/tolerate", "Content-Type", "application/json", []byte(`{"mib":5}`)},
	{3, "GET", "/usage?since=2026-01-01", "Authorization", "Bearer mlq_user_x_y_z", nil},
}

// FuzzServer: whatever is asked by whomever, the server answers in one of its words, does
// not fail, shows no stack and no secret, and repeats no more of the request than it may.
func FuzzServer(f *testing.F) {
	seeds := fuzzseed.For(f)
	for _, a := range requests {
		seeds.Add(a.as, a.method, a.path, a.name, a.value, a.body)
	}
	w := newWorld(f)
	w.submit(w.ana, `{"msg":1}`)
	tokens := []string{"", w.ana, w.nodeToken, w.admin}
	f.Fuzz(func(t *testing.T, as byte, method, path, name, value string, body []byte) {
		a := asked{as, method, path, name, value, body}
		r := a.request(t, tokens)
		if r == nil {
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), 100*time.Millisecond)
		defer cancel()
		said := httptest.NewRecorder()
		w.api.ServeHTTP(said, r.WithContext(ctx))
		a.check(t, said, tokens)
		who, err := w.tokens.Check(t.Context(), w.ana)
		if err != nil || who.Role != auth.RoleUser {
			t.Skip("an admin's request took the token away")
		}
	})
}

// request is nil for what net/http would not hand on.
func (a asked) request(t *testing.T, tokens []string) *http.Request {
	t.Helper()
	u, err := url.ParseRequestURI(a.path)
	if err != nil || !strings.HasPrefix(a.path, "/") || strings.ContainsAny(a.method, " \r\n\t\x00") || a.method == "" {
		return nil
	}
	r, err := http.NewRequestWithContext(t.Context(), a.method, "/", bytes.NewReader(a.body))
	if err != nil {
		return nil
	}
	r.URL, r.RequestURI, r.Host, r.RemoteAddr = u, a.path, "127.0.0.1:1", "127.0.0.1:2"
	if token := tokens[int(a.as)%len(tokens)]; token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("Content-Type", "application/json")
	if a.name == "Host" {
		r.Host = a.value
	} else {
		r.Header[http.CanonicalHeaderKey(a.name)] = []string{a.value}
	}
	return r
}

func (a asked) check(t *testing.T, said *httptest.ResponseRecorder, tokens []string) {
	t.Helper()
	text := said.Body.String()
	if said.Code == http.StatusInternalServerError || strings.Contains(text, "goroutine ") {
		t.Fatalf("%+v is answered %d %s", a, said.Code, text)
	}
	for _, token := range tokens[1:] {
		if strings.Contains(text, token) {
			t.Fatalf("%+v is answered with a token", a)
		}
	}
	if said.Code < http.StatusBadRequest {
		return
	}
	var p api.Problem
	if err := json.Unmarshal(said.Body.Bytes(), &p); err != nil || p.Status != said.Code || p.Code == "" || said.Header().Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%+v is answered %d, which is no problem: %s", a, said.Code, text)
	}
	words := []string{p.Detail}
	for _, e := range p.Errors {
		words = append(words, e.Detail, e.Pointer)
	}
	all := strings.Join(words, "\n")
	for _, sent := range []string{a.path, a.value, string(a.body)} {
		if part := repeated(all, sent, 80); part != "" {
			t.Fatalf("%+v: the answer repeats %q", a, part)
		}
	}
}

// repeated finds a part of that length, or longer, of what was sent in an answer.
func repeated(answer, sent string, most int) string {
	for i := 0; i+most <= len(sent) && len(answer) >= most; i++ {
		if part := sent[i : i+most]; strings.Contains(answer, part) {
			return part
		}
	}
	return ""
}
