package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

func TestResultForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	large := strings.Repeat("x", 100_000)
	for _, c := range []struct{ value, view, media string }{
		{envelope.ValueJSON, `{"loss":0.25}`, "application/json"},
		{envelope.ValueText, "héllo", "text/plain; charset=utf-8"},
		{envelope.ValueBytes, "\x00\xff<script>", "application/octet-stream"},
		{envelope.ValuePickle, `"<Model>"`, "application/json"},
		{envelope.ValueText, large, "text/plain; charset=utf-8"},
	} {
		id := w.submit(w.ana, `{"msg":1}`)
		w.start(id, 0).succeed(envelope.Header{Value: c.value, Short: "short"}, view(c.view))
		a := w.do(w.ana, "GET", path(id, "/result"), nil)
		if a.status != 200 || string(a.body) != c.view || a.header.Get("Content-Type") != c.media {
			t.Errorf("%s: got %d %s, %d bytes", c.value, a.status, a.header.Get("Content-Type"), len(a.body))
		}
		whole := w.do(w.ana, "GET", path(id, "/result"), nil, header{"Accept", envelope.Media})
		h, err := envelope.ParseAll(whole.body)
		if err != nil || h.Value != c.value || whole.header.Get("Content-Type") != envelope.Media {
			t.Errorf("%s as an envelope: %+v, %v", c.value, h, err)
		}
		if short := w.do(w.ana, "GET", path(id, "/short_result"), nil); string(short.body) != "short" {
			t.Errorf("short result %q", short.body)
		}
		j := w.job(w.ana, id)
		if j.State != scheduler.Succeeded || *j.Worker != "node1/CPU-0" || *j.ShortResult != "short" || string(j.Progress) != "100" {
			t.Errorf("the job reads %+v", j)
		}
	}
}

func TestEveryExtensionIsHarmless(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := "<html><script>alert(1)</script>"
	id := w.submit(w.ana, `{"msg":1}`)
	w.start(id, 0).succeed(envelope.Header{Value: envelope.ValueBytes}, view(body))
	shown := strings.Fields("txt log md csv tsv json html pdf png jpg jpeg gif webp bmp svg tif tiff avif mp3 wav ogg flac m4a mp4 webm mov mkv")
	saved := strings.Fields("bin pkl npy safetensors tar 7z js exe xhtml XHTML abcdefghijklmnop")
	shown = append(shown, "HTML", "Jpg")
	for _, ext := range append(shown, saved...) {
		a := w.do(w.ana, "GET", path(id, "/result."+ext), nil)
		if a.status != 200 || string(a.body) != body {
			t.Errorf("%s: %d %s", ext, a.status, a.body)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
			"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
			"Cache-Control": "private, no-store",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q", ext, name, got)
			}
		}
	}
	for _, ext := range saved {
		a := w.do(w.ana, "GET", path(id, "/result."+ext), nil)
		if a.header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s is shown as %s", ext, a.header.Get("Content-Type"))
		}
	}
	if a := w.do(w.ana, "GET", path(id, "/result.Jpg"), nil); a.header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("Jpg is shown as %s", a.header.Get("Content-Type"))
	}
	for _, ext := range []string{"a.b", "pkl%00.html", "..%2fx", "a%20b", "a%0a", "ä", strings.Repeat("a", 17), strings.Repeat("a", 1024)} {
		w.refused(w.do(w.ana, "GET", path(id, "/result."+ext), nil), 404, api.CodeNotFound)
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, size := range map[string]int{"inline": 100, "blob": 50_000} {
		data := strings.Repeat("0123456789", size/10)
		id := w.submit(w.ana, `{"msg":1}`)
		w.start(id, 0).succeed(envelope.Header{Value: envelope.ValueBytes}, view(data))
		get := func(r string) answer { return w.do(w.ana, "GET", path(id, "/result"), nil, header{"Range", r}) }
		for r, want := range map[string]string{"bytes=3-5": "345", "bytes=-2": "89", fmt.Sprintf("bytes=%d-", size-1): "9"} {
			if a := get(r); a.status != http.StatusPartialContent || string(a.body) != want {
				t.Errorf("%s, %s: %d %q", name, r, a.status, a.body)
			}
		}
		for _, r := range []string{"bytes=0-1,3-4", "bytes=" + strings.Repeat("0-1,", 1000) + "0-1", fmt.Sprintf("bytes=%d-", size), "bytes=5-2", "lines=1-2", "bytes=x-"} {
			w.refused(get(r), 416, api.CodeRange)
		}
		etag := get("bytes=0-1").header.Get("ETag")
		if a := w.do(w.ana, "GET", path(id, "/result"), nil, header{"If-None-Match", etag}); a.status != http.StatusNotModified {
			t.Errorf("%s: the same ETag answers %d", name, a.status)
		}
		for tag, status := range map[string]int{etag: 200, `"other", ` + etag: 200, "*": 200} {
			if a := w.do(w.ana, "GET", path(id, "/result"), nil, header{"If-Match", tag}); a.status != status {
				t.Errorf("%s: If-Match %s answers %d", name, tag, a.status)
			}
		}
		w.refused(w.do(w.ana, "GET", path(id, "/result"), nil, header{"If-Match", `"other"`}), 412, api.CodePrecondition)
		if a := w.do(w.ana, "HEAD", path(id, "/result"), nil); a.status != 200 || a.header.Get("Content-Length") != fmt.Sprint(size) || len(a.body) != 0 {
			t.Errorf("%s: HEAD answers %d, %s bytes", name, a.status, a.header.Get("Content-Length"))
		}
	}
}

func TestFailedJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1}`)
	fail := scheduler.Finish{Outcome: scheduler.OutcomeFailed, Reason: scheduler.ReasonError, Detail: "ValueError: no"}
	w.start(id, 0).finish(fail, envelope.Header{
		Kind: envelope.KindError, Type: "ValueError", Message: "no", Traceback: "line 1", Reason: "error",
	}, envelope.Part{Name: "pickle", Data: []byte("p")})
	p := w.refused(w.do(w.ana, "GET", path(id, "/result"), nil), 409, api.CodeJobFailed)
	if p.Reason != scheduler.ReasonError || p.Remote == nil || p.Remote.Type != "ValueError" || p.Remote.Traceback != "line 1" {
		t.Errorf("problem %+v", p)
	}
	a := w.do(w.ana, "GET", path(id, "/result"), nil, header{"Accept", envelope.Media})
	if h, err := envelope.ParseAll(a.body); a.status != 409 || err != nil || h.Type != "ValueError" {
		t.Errorf("as an envelope: %d, %+v, %v", a.status, h, err)
	}
	w.refused(w.do(w.ana, "GET", path(id, "/short_result"), nil), 409, api.CodeJobFailed)

	id = w.submit(w.ana, `{"msg":1}`)
	l := w.start(id, 0)
	_, err := w.sched.Finish(t.Context(), l.ref, scheduler.Finish{Outcome: scheduler.OutcomeTimedOut, Reason: scheduler.ReasonTimeout, Detail: "after 5 s"})
	must(t, err)
	p = w.refused(w.do(w.ana, "GET", path(id, "/result"), nil, header{"Accept", envelope.Media}), 409, api.CodeJobFailed)
	if p.Reason != scheduler.ReasonTimeout {
		t.Errorf("reason %q", p.Reason)
	}
}

func TestResultWhoseBytesAreGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1}`)
	l := w.start(id, 0)
	_, err := w.sched.Finish(t.Context(), l.ref, scheduler.Finish{
		Outcome: scheduler.OutcomeSucceeded, Result: scheduler.Result{SHA256: blob.Sum([]byte("lost")), Size: 20_000},
	})
	must(t, err)
	w.refused(w.do(w.ana, "GET", path(id, "/result"), nil), 410, api.CodeResultGone)
}

func TestFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1}`)
	empty := blob.Manifest{}
	w.ok(w.do(w.ana, "GET", path(id, "/files"), nil), 200, &empty)
	l := w.start(id, 0)
	put := func(data string) string {
		w.ok(w.do(w.agent, "PUT", "/blobs/"+blob.Sum([]byte(data)), data), 201, nil)
		return blob.Sum([]byte(data))
	}
	text, err := json.Marshal(blob.Manifest{Files: []blob.File{
		{Name: "plots/loss é.png", Size: 3, SHA256: put("PNG")},
		{Name: "model.pt", Size: 2, SHA256: put("pt")},
		{Name: "page.html", Size: 3, SHA256: put("<b>")},
		{Name: "lost", Size: 1, SHA256: blob.Sum([]byte("l"))},
	}})
	must(t, err)
	l.finish(scheduler.Finish{
		Outcome: scheduler.OutcomeSucceeded, Result: scheduler.Result{Files: put(string(text)), FileCount: 4},
	}, envelope.Header{Kind: envelope.KindResult, Value: envelope.ValueJSON}, view("1"))
	var m blob.Manifest
	w.ok(w.do(w.ana, "GET", path(id, "/files"), nil), 200, &m)
	if len(m.Files) != 4 {
		t.Fatalf("files %+v", m.Files)
	}
	a := w.do(w.ana, "GET", path(id, "/files/plots/loss%20%C3%A9.png"), nil)
	if string(a.body) != "PNG" || a.header.Get("Content-Type") != "image/png" {
		t.Errorf("got %d %s %q", a.status, a.header.Get("Content-Type"), a.body)
	}
	if a = w.do(w.ana, "GET", path(id, "/files/page.html"), nil); !strings.HasPrefix(a.header.Get("Content-Security-Policy"), "sandbox") {
		t.Error("a page is shown without the sandbox")
	}
	for _, name := range []string{"nothing", "..%2f..%2fidentity", "%2e%2e/identity", "plots%2f..%2fmodel.pt", "a%00b", ""} {
		w.refused(w.do(w.ana, "GET", path(id, "/files/"+name), nil), 404, api.CodeNotFound)
	}
	w.refused(w.do(w.ana, "GET", path(id, "/files/lost"), nil), 410, api.CodeResultGone)
}

func (l lease) put(offset int, text string) answer {
	l.Helper()
	return l.putAs(l.nodeToken, offset, text)
}

func (l lease) putAs(token string, offset int, text string) answer {
	l.Helper()
	return l.do(token, "PUT", fmt.Sprintf("/jobs/%d/attempts/%d/log?offset=%d&fence=%d", l.ref.Job, l.n, offset, l.ref.Fence), text)
}

func TestLogUpload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxLog = 100 })
	id := w.submit(w.ana, `{"msg":1}`)
	l := w.start(id, 0)
	var written api.LogWritten
	for range 2 { // a repeat changes nothing
		w.ok(l.put(0, "hello\n"), 200, &written)
	}
	w.ok(l.put(6, "world\x1b[31m\xff\n"), 200, &written)
	if written.Size != 18 {
		t.Errorf("size %d", written.Size)
	}
	if p := w.refused(l.put(50, "x"), 409, api.CodeLogGap); p.Size == nil || *p.Size != 18 {
		t.Errorf("the gap's size is %v", p.Size)
	}
	w.refused(l.put(18, strings.Repeat("x", 100)), 413, api.CodeTooLarge)
	stale := l
	stale.ref.Fence--
	w.refused(stale.put(0, "STALE"), 409, "stale-lease")
	stale = l
	stale.n++
	w.refused(stale.put(0, "STALE"), 409, "stale-lease")
	for _, query := range []string{"", "?offset=0", "?fence=0", "?fence=x", "?fence=1&offset=-1"} {
		w.refused(w.do(w.agent, "PUT", path(id, "/attempts/1/log")+query, "x"), 400, api.CodeBadRequest)
	}
	a := w.do(w.ana, "GET", path(id, "/logs?offset=6&attempt=1"), nil)
	if !strings.HasPrefix(string(a.body), "world\x1b[31m\xff\n") || a.header.Get("Content-Type") != "text/plain; charset=utf-8" || a.header.Get(api.HeaderLogAttempt) != "1" {
		t.Errorf("the log reads %q", a.body)
	}
	w.refused(w.do(w.ana, "GET", path(id, "/logs?attempt=7"), nil), 404, api.CodeNotFound)
	w.refused(w.do(w.ana, "GET", path(id, "/logs?offset=-1"), nil), 400, api.CodeBadRequest)
	w.refused(w.do(w.ana, "GET", path(id, "/logs?follow=yes"), nil), 400, api.CodeBadRequest)
	w.refused(w.do(w.ana, "GET", "/jobs/count?by=user", nil), 400, api.CodeBadRequest)
	w.refused(w.do(w.ana, "PUT", fmt.Sprintf("/jobs/%d/attempts/1/log?offset=0&fence=%d", id, l.ref.Fence), "x"), 403, api.CodeForbidden)
}

// TestLogOfItsHost: a log comes from the agent of the attempt's host, be it one of a
// single device, and from an admin, as in mlq dev. After the end nothing is added.
func TestLogOfItsHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1,"retries":1}`)
	l := w.start(id, 0)
	w.ok(l.put(0, "hers\n"), 200, nil)
	w.ok(l.putAs(w.admin, 5, "hers\n"), 200, nil)
	for _, other := range []string{w.agent, w.token("node", auth.RoleAgent), w.token("node1@0", auth.RoleAgent)} {
		w.refused(l.putAs(other, 10, "FORGED\n"), 403, api.CodeForbidden)
	}
	if log := w.do(w.ana, "GET", path(id, "/logs"), nil); string(log.body) != "hers\nhers\n" {
		t.Errorf("the log reads %q", log.body)
	}
	must(t, w.sched.Release(t.Context(), l.ref, "draining"))
	w.refused(l.put(10, "LATE\n"), 409, "stale-lease")
	again := w.claimElsewhere(id, "node2@0")
	w.ok(again.putAs(w.token("node2", auth.RoleAgent), 0, "of one device\n"), 200, nil)
	w.refused(again.put(14, "FORGED\n"), 403, api.CodeForbidden)
}
