package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/fuzzseed"
	"github.com/mlq-dev/mlq/scheduler"
)

// FuzzEnvFile: a file of settings changes variables of MLQ's name only, and none that
// was set before.
func FuzzEnvFile(f *testing.F) {
	seeds := fuzzseed.For(f)
	for _, text := range []string{"MLQ_FUZZED=a\n", "MLQ_FUZZED=\"a b\"\n# x\n", "PATH=/x\n", "MLQ_SET=other", "MLQ_FUZZED='a'", "MLQ_FUZZED=a\x00b"} {
		seeds.Add(text)
	}
	path := filepath.Join(f.TempDir(), "env")
	f.Setenv("MLQ_SET", "before")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		before := os.Environ()
		defer clearNew(before)
		cmd := newAgent(stdio())
		if err := cmd.Flags().Set("env-file", path); err != nil {
			t.Fatal(err)
		}
		if err := readEnvFile(cmd); err != nil && !strings.Contains(err.Error(), ", line ") {
			t.Fatalf("%q: %v", text, err)
		}
		for _, name := range newNames(before) {
			if !strings.HasPrefix(name, "MLQ_") || !strings.Contains(text, name+"=") {
				t.Fatalf("%q set %s", text, name)
			}
		}
		if os.Getenv("MLQ_SET") != "before" {
			t.Fatalf("%q took the place of the environment", text)
		}
	})
}

// newNames are the variables that there were not.
func newNames(before []string) (names []string) {
	was := map[string]bool{}
	for _, v := range before {
		was[v] = true
	}
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); !was[v] {
			names = append(names, name)
		}
	}
	return names
}

func clearNew(before []string) {
	for _, name := range newNames(before) {
		os.Unsetenv(name)
	}
}

// sameAnswer gives each request one answer.
type sameAnswer struct {
	status int
	media  string
	body   string
}

// RoundTrip answers.
func (a sameAnswer) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: http.Header{"Content-Type": {a.media}}, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

// FuzzNotices: whatever comes as the events of a job, what is told on the terminal steers
// it nowhere; and nothing that is no event is one.
func FuzzNotices(f *testing.F) {
	seeds := fuzzseed.For(f)
	seeds.Add(200, "id: 1-0\ndata: {\"job\":1,\"kind\":\"update\",\"state\":\"running\",\"text\":\"stopped by \\u001b[31mbob\"}\n\n")
	seeds.Add(200, "data: {\"kind\":\"attempt_lost\",\"attempt\":2,\"text\":\"a\\nb\\u202e\",\"closing\":{\"what\":\"h\\r\",\"at\":\"2026-01-01T00:00:00Z\",\"by\":\"x\"}}\n")
	seeds.Add(200, "data: nonsense\n")
	seeds.Add(409, `{"code":"not-finished","detail":"\u001b[2J"}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			return
		}
		var said bytes.Buffer
		n := notices{
			io: streams{err: &said}, id: scheduler.JobID(1),
			r: &remote{base: "http://mlq", http: &http.Client{Transport: sameAnswer{status, "text/event-stream", body}, CheckRedirect: refuseRedirect}},
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := n.stream(ctx)
		for line := range strings.Lines(said.String()) {
			line = strings.TrimSuffix(line, "\n")
			if !strings.HasPrefix(line, "mlq: job 1 ") || line != harmless(line) {
				t.Fatalf("%q is told as %q", body, line)
			}
		}
		if err == nil && status/100 != 2 {
			t.Fatalf("status %d is no error", status)
		}
	})
}
