package load

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestRunSendsExactlyCount(t *testing.T) {
	var seen atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		if got := r.Header.Get("Authorization"); got != "Bearer secret" {
			t.Errorf("Authorization = %q", got)
		}
		w.WriteHeader(http.StatusCreated)
	}))
	defer srv.Close()
	addr := strings.TrimPrefix(srv.URL, "http://")
	out, err := Run(context.Background(), Plan{
		Addr: addr, Request: Post(addr, "/jobs", "text/plain", "secret", []byte("x")),
		Status: http.StatusCreated, Connections: 7, Duration: time.Minute, Count: 100,
	})
	if err != nil {
		t.Fatal(err)
	}
	if out.Requests != 100 || seen.Load() != 100 || len(out.Millis) != 100 {
		t.Errorf("requests = %d, seen = %d, times = %d; want 100 each", out.Requests, seen.Load(), len(out.Millis))
	}
}

func TestRunStopsAtAWrongStatus(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "too many", http.StatusTooManyRequests)
	}))
	defer srv.Close()
	addr := strings.TrimPrefix(srv.URL, "http://")
	_, err := Run(context.Background(), Plan{
		Addr: addr, Request: Post(addr, "/", "text/plain", "", nil), Status: http.StatusCreated, Connections: 2, Duration: time.Minute,
	})
	if err == nil || !strings.Contains(err.Error(), "status 429: too many") {
		t.Errorf("err = %v, want the status and the body", err)
	}
}

func TestReadAnswerRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no HTTP":     "hello\r\n\r\n",
		"no number":   "HTTP/1.1 abc OK\r\n\r\n",
		"no length":   "HTTP/1.1 201 Created\r\n\r\n",
		"bad length":  "HTTP/1.1 201 Created\r\nContent-Length: -1\r\n\r\n",
		"huge length": "HTTP/1.1 201 Created\r\nContent-Length: 99999999\r\n\r\n",
		"cut body":    "HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nx",
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := readAnswer(bufio.NewReader(strings.NewReader(text))); err == nil {
				t.Error("no error")
			}
		})
	}
}
