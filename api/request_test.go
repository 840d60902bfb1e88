package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/mlq-dev/mlq/api"
)

// answer is an answer that was read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) problem(t testing.TB) api.Problem {
	t.Helper()
	var p api.Problem
	if a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("status %d is no problem: %s %q", a.status, a.header.Get("Content-Type"), a.body)
	}
	must(t, json.Unmarshal(a.body, &p))
	return p
}

// header sets a header of a request.
type header struct{ name, value string }

func (w *world) do(token, method, path string, body any, headers ...header) answer {
	w.Helper()
	request, err := http.NewRequestWithContext(w.Context(), method, w.url+path, reader(body))
	must(w, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
		if method == "PUT" || path == "/blobs" {
			request.Header.Set("Content-Type", "application/octet-stream")
		}
	}
	for _, h := range headers {
		if h.name == "Host" {
			request.Host = h.value
		}
		request.Header.Set(h.name, h.value)
		if h.value == "" {
			request.Header.Del(h.name)
		}
	}
	return w.send(request)
}

func reader(body any) io.Reader {
	switch b := body.(type) {
	case string:
		return strings.NewReader(b)
	case []byte:
		return bytes.NewReader(b)
	case io.Reader:
		return b
	}
	return nil
}

// send sends a request and holds its answer to the contract.
func (w *world) send(request *http.Request) answer {
	w.Helper()
	sent := &sentBody{ReadCloser: request.Body}
	if request.Body != nil {
		request.Body = sent
	}
	response, err := w.client.Do(request)
	must(w, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	must(w, err)
	a := answer{response.StatusCode, response.Header, text}
	w.conform(request, sent.soFar(), a)
	return a
}

// sentBody is a body that notes what is read of it, which may go on after an
// early answer.
type sentBody struct {
	io.ReadCloser
	mu   sync.Mutex
	sent []byte
}

// Read reads and notes.
func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent = append(b.sent, p[:n]...)
	return n, err
}

func (b *sentBody) soFar() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.sent)
}

// refused asserts status and code of an answer.
func (w *world) refused(a answer, status int, code api.Code) api.Problem {
	w.Helper()
	p := a.problem(w)
	if a.status != status || p.Code != code || p.Status != status || p.RequestID == "" || p.Title == "" {
		w.Errorf("got %d %s (%s), want %d %s", a.status, p.Code, p.Detail, status, code)
	}
	if ourSteps.MatchString(p.Detail) {
		w.Errorf("%s names a step of ours: %q", p.Code, p.Detail)
	}
	return p
}

// ourSteps is how errors begin on their way up; it is nothing to a caller.
var ourSteps = regexp.MustCompile(`^(submit|jobs|read|list|count|cancel|requeue|purge|revoke|drain|why|spec of|result of)\b[^:]*: `)

// ok asserts a status and reads the JSON of an answer.
func (w *world) ok(a answer, status int, into any) {
	w.Helper()
	if a.status != status {
		w.Fatalf("got %d %s, want %d", a.status, a.body, status)
	}
	if into != nil {
		must(w, json.Unmarshal(a.body, into))
	}
}
