package api_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

func TestFollowLogs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1,"retries":1}`)
	lines := w.stream(path(id, "/logs?follow=1"))
	l := w.start(id, 0)
	l.put(0, "first attempt\n")
	lines.want(t, "first attempt")
	must(t, w.sched.Release(t.Context(), l.ref, "the device was refused"))
	eventually(t, "the job is queued again", func() bool { return w.job(w.ana, id).State == scheduler.Queued })
	second := w.submit(w.ana, `{"msg":1}`)
	l2 := w.start(second, 1)
	l2.put(0, "other job\n")
	w.ok(w.do(w.ana, "DELETE", path(id, ""), nil), 200, nil)
	lines.wantEnd(t)
	other := w.stream(path(second, "/logs?follow=1&offset=6"))
	other.want(t, "job")
	l2.put(10, "more\n")
	other.want(t, "more")
	l2.succeed(envelope.Header{Value: envelope.ValueJSON}, view("1"))
	other.wantEnd(t)
}

// lines reads a stream line by line.
type lines struct{ ch chan string }

func (w *world) stream(path string, headers ...header) lines {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, "GET", w.url+path, nil)
	must(w, err)
	request.Header.Set("Authorization", "Bearer "+w.ana)
	for _, h := range headers {
		request.Header.Set(h.name, h.value)
	}
	response, err := w.client.Do(request)
	must(w, err)
	if response.StatusCode != 200 {
		w.Fatalf("%s answers %d", path, response.StatusCode)
	}
	l := lines{make(chan string, 100)}
	go func() {
		defer close(l.ch)
		defer func() { _ = response.Body.Close() }()
		for scan := bufio.NewScanner(response.Body); scan.Scan(); {
			l.ch <- scan.Text()
		}
	}()
	return l
}

// want waits for a line that contains text.
func (l lines) want(t testing.TB, text string) string {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case line, ok := <-l.ch:
			if !ok {
				t.Fatalf("the stream ended before %q", text)
			}
			if strings.Contains(line, text) {
				return line
			}
		case <-timeout:
			t.Fatalf("no line with %q within 10 s", text)
		}
	}
}

func (l lines) wantEnd(t testing.TB) {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case _, ok := <-l.ch:
			if !ok {
				return
			}
		case <-timeout:
			t.Fatal("the stream did not end within 10 s")
		}
	}
}

func TestJobEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1}`)
	s := w.stream(path(id, "/events"))
	s.want(t, "id: 0.1")
	s.want(t, `"kind":"submitted"`)
	l := w.start(id, 0)
	s.want(t, `"kind":"leased"`)
	s.want(t, "id: 1.2")
	s.want(t, `"kind":"running"`)
	must(t, w.sched.Progress(t.Context(), l.ref, "50"))
	s.want(t, `"progress":50`)
	l.succeed(envelope.Header{Value: envelope.ValueJSON}, view("1"))
	s.want(t, `"kind":"attempt_succeeded"`)
	s.want(t, `"kind":"succeeded"`)
	s.wantEnd(t)

	// A reader that comes back hears only what it missed.
	s = w.stream(path(id, "/events"), header{"Last-Event-ID", "1.2"})
	if line := s.want(t, "id: "); line != "id: 1.3" {
		t.Errorf("resumed with %q", line)
	}
	s.wantEnd(t)
}

// TestHeadOfStreams: HEAD answers at once, though the stream would go on.
func TestHeadOfStreams(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1}`)
	for target, media := range map[string]string{
		"/events": "text/event-stream", path(id, "/events"): "text/event-stream", path(id, "/logs?follow=1"): "text/plain; charset=utf-8",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		request, err := http.NewRequestWithContext(ctx, "HEAD", w.url+target, nil)
		must(t, err)
		request.Header.Set("Authorization", "Bearer "+w.ana)
		if a := w.send(request); a.status != 200 || a.header.Get("Content-Type") != media {
			t.Errorf("%s: %d %s", target, a.status, a.header.Get("Content-Type"))
		}
		cancel()
	}
}

func TestAllEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.stream("/events")
	w.submit(w.bob, `{"msg":1}`)
	id := w.submit(w.ana, `{"msg":1}`)
	place := strings.TrimPrefix(s.want(t, "id: "), "id: ")
	if line := s.want(t, "data: "); !strings.Contains(line, fmt.Sprintf(`"job":%d`, id)) {
		t.Errorf("ana hears %s", line)
	}
	w.ok(w.do(w.ana, "DELETE", path(id, ""), nil), 200, nil)
	s.want(t, `"kind":"cancelled"`)
	again := w.stream("/events", header{"Last-Event-ID", place})
	again.want(t, `"kind":"cancelled"`)
	w.stream("/events?after=nonsense")
}
