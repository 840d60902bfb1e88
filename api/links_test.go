package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// link makes a signed link and returns its path with its query.
func (w *world) link(token string, id scheduler.JobID, body string) string {
	w.Helper()
	var made api.Link
	w.ok(w.do(token, "POST", path(id, "/links"), body), 201, &made)
	rest, ok := strings.CutPrefix(made.URL, w.url)
	if !ok || !time.Now().Before(made.Expires) {
		w.Fatalf("link %+v", made)
	}
	return rest
}

// finished is a job of ana's with a result, a log and files.
func (w *world) finished(body string) scheduler.JobID {
	w.Helper()
	id := w.submit(w.ana, `{"msg":1}`)
	l := w.start(id, 0)
	l.put(0, "it prints\n")
	put := func(data string) string {
		w.do(w.agent, "PUT", "/blobs/"+blob.Sum([]byte(data)), data)
		return blob.Sum([]byte(data))
	}
	m := blob.Manifest{Files: []blob.File{
		{Name: "plots/loss é.png", Size: int64(len(body)), SHA256: put(body)},
		{Name: "50%41.txt", Size: 7, SHA256: put("percent")},
	}}
	text, err := json.Marshal(m)
	must(w, err)
	l.finish(scheduler.Finish{Outcome: scheduler.OutcomeSucceeded, Result: scheduler.Result{Files: put(string(text)), FileCount: 2}},
		envelope.Header{Kind: envelope.KindResult, Value: envelope.ValueBytes}, view(body))
	return id
}

func TestLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.finished("<b>bytes</b>")
	for target, want := range map[string]string{
		"result": "<b>bytes</b>", "result.png": "<b>bytes</b>", "files/plots/loss é.png": "<b>bytes</b>", "files/50%41.txt": "percent",
		"logs": "it prints\n", "events": `"kind":"succeeded"`,
	} {
		body, err := json.Marshal(map[string]any{"path": target, "ttl": "5m"})
		must(t, err)
		url := w.link(w.ana, id, string(body))
		for _, from := range [][]header{{}, {{"Sec-Fetch-Site", "cross-site"}}, {{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "navigate"}}} {
			if a := w.do("", "GET", url, nil, from...); a.status != 200 || !strings.Contains(string(a.body), want) {
				t.Errorf("%s, %v: %d %q", target, from, a.status, a.body)
			}
		}
		if a := w.do("", "HEAD", url, nil); a.status != 200 {
			t.Errorf("HEAD %s: %d", target, a.status)
		}
	}
	if a := w.do("", "GET", w.link(w.ana, id, `{"path":"logs"}`)+"&offset=3", nil); string(a.body) != "prints\n" {
		t.Errorf("a log from an offset: %q", a.body)
	}
	if a := w.do("", "GET", w.link(w.ana, id, `{}`), nil, header{"Range", "bytes=0-2"}); string(a.body) != "<b>" {
		t.Errorf("a range: %d %q", a.status, a.body)
	}
	if a := w.do("", "GET", w.link(w.admin, id, `{"ttl":60}`), nil); a.status != 200 {
		t.Errorf("of an admin: %d", a.status)
	}
}

// TestLinkIsGoodForNothingElse: another path, job, user, end or signature.
func TestLinkIsGoodForNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, other := w.finished("one"), w.finished("two")
	good := w.link(w.ana, id, `{"path":"result.png"}`)
	target, query, _ := strings.Cut(good, "?")
	q, err := url.ParseQuery(query)
	must(t, err)
	altered := func(name, value string) string {
		changed := url.Values{}
		for n := range q {
			changed.Set(n, q.Get(n))
		}
		changed.Set(name, value)
		return target + "?" + changed.Encode()
	}
	end, err := strconv.ParseInt(q.Get("expires"), 10, 64)
	must(t, err)
	flipped := []byte(q.Get("sig"))
	flipped[7] ^= 1
	bobs := strings.Split(w.link(w.bob, w.submit(w.bob, `{"msg":1}`), `{}`), "?")[1]
	for what, forged := range map[string]string{
		"another ending":       path(id, "/result.txt") + "?" + query,
		"no ending":            path(id, "/result") + "?" + query,
		"another job":          path(other, "/result.png") + "?" + query,
		"the job itself":       path(id, "") + "?" + query,
		"all jobs":             "/jobs?" + query,
		"the queue":            "/queue?" + query,
		"the path, encoded":    path(id, "/result%2Epng") + "?" + query,
		"a later end":          altered("expires", strconv.FormatInt(end+3600, 10)),
		"an end in words":      altered("expires", "tomorrow"),
		"another token":        altered("by", "AAAAAAAAAA"),
		"the owner's token":    altered("by", "owner"),
		"a changed signature":  altered("sig", string(flipped)),
		"a longer signature":   altered("sig", q.Get("sig")+"A"),
		"no signature":         altered("sig", ""),
		"a signature of bob's": target + "?" + bobs,
		"two signatures":       good + "&sig=" + q.Get("sig"),
	} {
		if a := w.do("", "GET", forged, nil); a.status != 403 || a.problem(t).Code != api.CodeBadLink {
			t.Errorf("%s: %d %.80s", what, a.status, a.body)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
		w.refused(w.do("", method, good, nil), 401, api.CodeUnauthorized)
	}
	w.refused(w.do("junk", "GET", good, nil), 401, api.CodeUnauthorized)
	w.refused(w.do(w.bob, "GET", path(id, "/result.png"), nil), 404, api.CodeNotFound)
	w.refused(w.do("", "GET", good, nil, header{"Host", "evil.example.com"}), 421, api.CodeWrongHost)
	if a := w.do("", "GET", good, nil); string(a.body) != "one" {
		t.Errorf("the link itself: %d %s", a.status, a.body)
	}
}

func TestLinkWishes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(w.ana, `{"msg":1}`)
	for body, code := range map[string]api.Code{
		`{"path":"../2/result"}`: api.CodeInvalidField, `{"path":"files/../x"}`: api.CodeInvalidField, `{"path":"why"}`: api.CodeInvalidField,
		`{"path":""}`: api.CodeInvalidField, `{"path":"result.a.b"}`: api.CodeInvalidField, `{"path":"result?x"}`: api.CodeInvalidField,
		`{"path":1}`: api.CodeInvalidField, `{"path":"attempts/1/log"}`: api.CodeInvalidField,
		`{"ttl":"25h"}`: api.CodeInvalidField, `{"ttl":0}`: api.CodeInvalidField, `{"ttl":-1}`: api.CodeInvalidField,
		`{"ttl":"soon"}`: api.CodeInvalidField, `{"ttl":null}`: api.CodeInvalidField, `{"ttl":1e9}`: api.CodeInvalidField,
	} {
		w.refused(w.do(w.ana, "POST", path(id, "/links"), body), 422, code)
	}
	w.refused(w.do(w.ana, "POST", path(id, "/links"), `{"user":"bob"}`), 400, "unknown-field")
	w.refused(w.do(w.ana, "POST", path(id, "/links"), `[]`), 400, "bad-json")
	w.refused(w.do(w.bob, "POST", path(id, "/links"), `{}`), 404, api.CodeNotFound)
	w.refused(w.do(w.agent, "POST", path(id, "/links"), `{}`), 403, api.CodeForbidden)
	w.refused(w.do(w.start(id, 0).token, "POST", path(id, "/links"), `{}`), 403, api.CodeForbidden)
	w.refused(w.do("", "GET", w.link(w.ana, id, `{}`), nil), 404, api.CodeNotFinished)
}

func TestLinkExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.SafetyReread = 50 * time.Millisecond })
	id := w.submit(w.ana, `{"msg":1}`)
	w.start(id, 0)
	short := w.link(w.ana, id, `{"path":"events","ttl":3}`)
	// A stream that began in time ends with the link, though the job goes on.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", w.url+short, nil)
	must(t, err)
	if a := w.send(request); a.status != 200 || !bytes.Contains(a.body, []byte(`"kind":"running"`)) {
		t.Errorf("the stream: %d %s", a.status, a.body)
	}
	w.refused(w.do("", "GET", short, nil), 403, api.CodeLinkExpired)
}

// TestLinkEndsWithItsToken: on each server of the store, at once.
func TestLinkEndsWithItsToken(t *testing.T) {
	t.Parallel()
	st, err := redisstore.Open(t.Context(), redistest.Shared(t).URL(redistest.Namespace(t)))
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	blobs, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = blobs.Close() })
	one, two := worldOn(t, st, blobs, signs), worldOn(t, st, blobs, signs)
	id := one.finished("shared")
	second := one.token("ana", auth.RoleUser)
	links := []string{one.link(one.ana, id, `{}`), two.link(second, id, `{}`)}
	for _, w := range []*world{one, two} {
		for _, link := range links {
			if a := w.do("", "GET", link, nil); string(a.body) != "shared" {
				t.Fatalf("before: %d %s", a.status, a.body)
			}
		}
	}
	must(t, one.tokens.Revoke(t.Context(), strings.Split(one.ana, "_")[2]))
	for _, w := range []*world{one, two} {
		w.refused(w.do("", "GET", links[0], nil), 403, api.CodeBadLink)
		if a := w.do("", "GET", links[1], nil); string(a.body) != "shared" {
			t.Errorf("the link of another token: %d %s", a.status, a.body)
		}
	}
}

// TestLinkInDev: the owner's links work as theirs; what is forged is refused
// also where the owner would need no token.
func TestLinkInDev(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.Dev, o.Owner = true, api.Owner{UID: os.Getuid(), Name: "ana"} })
	id := w.finished("mine")
	good := w.link("", id, `{}`)
	if a := w.do("", "GET", good, nil, header{"Sec-Fetch-Site", "cross-site"}); string(a.body) != "mine" {
		t.Errorf("got %d %s", a.status, a.body)
	}
	w.refused(w.do("", "GET", "/jobs?sig=x", nil, header{"Sec-Fetch-Site", "cross-site"}), 403, api.CodeBadLink)
	w.refused(w.do("", "GET", good+"x", nil), 403, api.CodeBadLink)
}

// TestServedResultsAreHarmless: every ending, every body, with a token and by a link.
func TestServedResultsAreHarmless(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bodies := []string{
		"<html><script>alert(1)</script>", `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`, "%PDF-1.7 /JS (app.alert(1))",
		"\x89PNG\r\n\x1a\n<script>", "GIF89a/*<script>*/=1", `{"a":"</script><script>"}`, "",
	}
	shown := strings.Fields("txt log md csv tsv json html pdf png jpg jpeg gif webp bmp svg tif tiff avif mp3 wav ogg flac m4a mp4 webm mov mkv")
	saved := strings.Fields("bin pkl npy npz pt pth onnx safetensors h5 hdf5 parquet zip gz tar tgz zst ckpt")
	for n, body := range bodies {
		id := w.submit(w.ana, `{"msg":1}`)
		w.start(id, 0).succeed(envelope.Header{Value: envelope.ValueBytes}, view(body))
		for _, ext := range append(slices.Clone(shown), saved...) {
			signed := w.link(w.ana, id, fmt.Sprintf(`{"path":"result.%s"}`, ext))
			harmless(t, fmt.Sprintf("%s of body %d", ext, n), w.do(w.ana, "GET", path(id, "/result."+ext), nil), "same-origin", slices.Contains(saved, ext))
			harmless(t, fmt.Sprintf("%s of body %d by a link", ext, n), w.do("", "GET", signed, nil), "cross-origin", slices.Contains(saved, ext))
		}
	}
}

func harmless(t *testing.T, what string, a answer, embeddable string, saved bool) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
		"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": embeddable,
		"Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "private, no-store", "Access-Control-Allow-Credentials": "",
	} {
		if got := a.header.Get(name); got != want || a.status != 200 {
			t.Errorf("%s: %d, %s is %q", what, a.status, name, got)
		}
	}
	attached := strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment")
	if attached != saved || saved != (a.header.Get("Content-Type") == "application/octet-stream") {
		t.Errorf("%s: %s, %q", what, a.header.Get("Content-Type"), a.header.Get("Content-Disposition"))
	}
}
