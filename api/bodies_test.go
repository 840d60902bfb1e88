package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
)

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, media := range []string{"", "text/html", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ";;", "application/xml"} {
		for _, target := range []string{"/jobs", "/jobs/batch"} {
			p := w.refused(w.do(w.ana, "POST", target, `{"msg":1}`, header{"Content-Type", media}), 415, api.CodeMediaType)
			if !strings.Contains(p.Detail, "application/json") {
				t.Errorf("%q: the answer does not say what to send: %s", media, p.Detail)
			}
		}
	}
	w.submit(w.ana, `{"msg":1}`, header{"Content-Type", "application/json; charset=utf-8"})
	for _, r := range []struct{ token, method, target, want string }{
		{w.ana, "PUT", "/blobs/" + blob.Sum([]byte("x")), "application/octet-stream"},
		{w.ana, "POST", "/blobs", "application/octet-stream"},
		{w.agent, "PUT", "/jobs/1/attempts/1/log?fence=1", "application/octet-stream"},
		{w.admin, "POST", "/tokens", "application/json"},
	} {
		for _, media := range []string{"", "text/plain", "text/html"} {
			p := w.refused(w.do(r.token, r.method, r.target, "x", header{"Content-Type", media}), 415, api.CodeMediaType)
			if !strings.Contains(p.Detail, r.want) {
				t.Errorf("%s %s: the answer does not say what to send: %s", r.method, r.target, p.Detail)
			}
		}
	}
	for _, encoding := range []string{"gzip", "br", "identity"} {
		w.refused(w.do(w.ana, "POST", "/jobs", `{"msg":1}`, header{"Content-Encoding", encoding}), 415, api.CodeEncoding)
	}
}

func TestBodyLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxBody, o.MaxBlob = 1000, 2000 })
	big := `{"msg":"` + strings.Repeat("x", 1000) + `"}`
	w.refused(w.do(w.ana, "POST", "/jobs", big), 413, api.CodeTooLarge)
	w.refused(w.do(w.ana, "POST", "/jobs", io.MultiReader(strings.NewReader(big))), 413, api.CodeTooLarge) // chunked
	w.refused(w.do(w.ana, "POST", "/jobs/batch", big), 413, api.CodeTooLarge)
	blobBody := strings.Repeat("b", 2001)
	w.refused(w.do(w.ana, "PUT", "/blobs/"+blob.Sum([]byte(blobBody)), blobBody), 413, api.CodeTooLarge)
	w.refused(w.do(w.ana, "POST", "/blobs", blobBody), 413, api.CodeTooLarge)
	w.refused(w.do(w.ana, "POST", "/blobs", io.MultiReader(strings.NewReader(blobBody))), 413, api.CodeTooLarge)
	w.refused(w.do(w.ana, "PUT", "/blobs/"+blob.Sum([]byte(blobBody)), io.MultiReader(strings.NewReader(blobBody))), 413, api.CodeTooLarge)
	padded := `{"user":"me"` + strings.Repeat(" ", 64<<10) + `}`
	fields := newWorld(t)
	fields.refused(fields.do(fields.ana, "POST", "/jobs", `{"command":["`+strings.Repeat("a", 70_000)+`"]}`), 413, api.CodeTooLarge)
	fields.submit(fields.ana, `{"msg":"`+strings.Repeat("a", 70_000)+`"}`)
	fields.refused(fields.do(fields.admin, "POST", "/tokens", padded), 413, api.CodeTooLarge)
	fields.refused(fields.do(fields.admin, "PATCH", "/users/ana", io.MultiReader(strings.NewReader(padded))), 413, api.CodeTooLarge)
}

func TestBlobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	data := "some bytes"
	sum := blob.Sum([]byte(data))
	w.refused(w.do(w.agent, "GET", "/blobs/"+sum, nil), 404, api.CodeNotFound)
	w.refused(w.do(w.ana, "PUT", "/blobs/"+blob.Sum(nil), data), 422, api.CodeDigest)
	w.ok(w.do(w.ana, "PUT", "/blobs/"+sum, data), 201, nil)
	w.ok(w.do(w.agent, "PUT", "/blobs/"+sum, data), 201, nil)
	a := w.do(w.agent, "GET", "/blobs/"+sum, nil)
	if string(a.body) != data || a.header.Get("ETag") != `"`+sum+`"` {
		t.Errorf("got %d %q", a.status, a.body)
	}
	var written api.BlobWritten
	other := "other bytes"
	w.ok(w.do(w.ana, "POST", "/blobs", other), 201, &written)
	if want := (api.BlobWritten{SHA256: blob.Sum([]byte(other)), Size: int64(len(other))}); written != want {
		t.Errorf("the answer is %+v, not %+v", written, want)
	}
	if a := w.do(w.agent, "GET", "/blobs/"+written.SHA256, nil); string(a.body) != other {
		t.Errorf("got %d %q", a.status, a.body)
	}
	for _, name := range []string{"x", strings.ToUpper(sum), "..%2f" + sum, sum + "a"} {
		w.refused(w.do(w.agent, "PUT", "/blobs/"+name, data), 404, api.CodeNotFound)
		w.refused(w.do(w.agent, "GET", "/blobs/"+name, nil), 404, api.CodeNotFound)
	}
}

func TestFieldRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxTimeout = time.Hour })
	w.join()
	for body, want := range map[string]struct {
		status  int
		code    api.Code
		pointer string
	}{
		`{"msg":`:                                 {400, "bad-json", "/msg"},
		`{"msg":1}{}`:                             {400, "bad-json", ""},
		`null`:                                    {400, "bad-json", ""},
		`{"msg":1,"gpuz":1}`:                      {400, "unknown-field", "/gpuz"},
		`{"msg":1,"msg":1}`:                       {400, "duplicate-field", "/msg"},
		`{"MSG":1}`:                               {400, "unknown-field", "/MSG"},
		`{"msg":1,"timeout":NaN}`:                 {422, api.CodeInvalidField, "/timeout"},
		`{"msg":1,"timeout":0}`:                   {422, api.CodeInvalidField, "/timeout"},
		`{"msg":1,"timeout":"2h"}`:                {422, api.CodeInvalidField, "/timeout"},
		`{"msg":1,"gpus":9223372036854775808}`:    {422, api.CodeInvalidField, "/gpus"},
		`{"msg":1,"name":"a\u001b[31m"}`:          {422, api.CodeInvalidField, "/name"},
		`{"msg":1,"env_vars":{"LD_PRELOAD":"x"}}`: {422, "reserved-env", "/env_vars/LD_PRELOAD"},
		`{"msg":1,"priority":5}`:                  {403, api.CodeForbidden, "/priority"},
		`{"msg":1,"priority":-11}`:                {403, api.CodeForbidden, "/priority"},
		`{"msg":1,"priority":100000}`:             {403, api.CodeForbidden, "/priority"},
		`{"msg":1,"gpus":3}`:                      {422, api.CodeUnsatisfiable, ""},
		`{"msg":1,"after":[99]}`:                  {422, api.CodeInvalidField, "/after"},
		`{"msg":1,"<script>":1}`:                  {400, "unknown-field", "/?script?"},
	} {
		p := w.refused(w.do(w.ana, "POST", "/jobs", body), want.status, want.code)
		if want.pointer != "" && (len(p.Errors) != 1 || p.Errors[0].Pointer != want.pointer) {
			t.Errorf("%s: errors %+v", body, p.Errors)
		}
	}
	w.submit(w.admin, `{"msg":1,"priority":10}`)
	w.submit(w.ana, `{"msg":1,"priority":-10}`)
	limits := newWorld(t, func(o *api.Options) { o.DefaultTimeout, o.MaxTimeout = time.Minute, time.Hour })
	for body, want := range map[string]float64{`{"msg":1}`: 60, `{"msg":1,"timeout":"1h"}`: 3600} {
		if j := limits.job(limits.ana, limits.submit(limits.ana, body)); j.TimeoutSeconds != want || (j.TimeoutFrom == "request") != (want == 3600) {
			t.Errorf("%s has a time limit of %v s, want %v", body, j.TimeoutSeconds, want)
		}
	}
}

func TestQuotaAndRate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxQueued = 2 })
	w.submit(w.ana, `{"msg":1}`)
	w.submit(w.ana, `{"msg":1}`)
	a := w.do(w.ana, "POST", "/jobs", `{"msg":1}`)
	w.refused(a, 429, api.CodeQuota)
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	w.submit(w.bob, `{"msg":1}`)

	fast := newWorld(t, func(o *api.Options) { o.SubmitRate, o.SubmitBurst = 0.001, 1 })
	fast.submit(fast.ana, `{"msg":1}`)
	a = fast.do(fast.ana, "POST", "/jobs", `{"msg":1}`)
	fast.refused(a, 429, api.CodeTooManyRequests)
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	fast.submit(fast.bob, `{"msg":1}`)
}

func TestDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	away := worldOn(t, w.st, w.blobs)
	w.blobs.SetStatfs(func(string) (blob.Space, error) { return blob.Space{}, errors.New("/secret/path: input/output error") })
	if a := away.do("", "GET", "/readyz", nil); a.status != 503 || bytes.Contains(a.body, []byte("secret")) {
		t.Errorf("a disk that says nothing: %d %s", a.status, a.body)
	}
	for _, c := range []struct {
		free     int64
		readOnly bool
		ready    int
		warnings int
		submit   int
	}{{50, false, 200, 0, 201}, {7, false, 200, 1, 201}, {2, false, 503, 0, 507}, {50, true, 503, 0, 507}} {
		fresh := worldOn(t, w.st, w.blobs)
		w.blobs.SetStatfs(func(string) (blob.Space, error) {
			return blob.Space{Free: c.free, Total: 100, ReadOnly: c.readOnly}, nil
		})
		var ready api.Ready
		eventually(t, "the server has adopted the store", func() bool {
			a := fresh.do("", "GET", "/readyz", nil)
			must(t, json.Unmarshal(a.body, &ready))
			return a.status == c.ready && !strings.Contains(string(a.body), "adopted")
		})
		if len(ready.Warnings) != c.warnings {
			t.Errorf("%d %% free: %+v", c.free, ready)
		}
		if a := fresh.do(fresh.ana, "POST", "/jobs", `{"msg":1}`); a.status != c.submit {
			t.Errorf("%d %% free: submit answers %d", c.free, a.status)
		}
		if c.submit == 507 {
			fresh.refused(fresh.do(fresh.ana, "PUT", "/blobs/"+blob.Sum(nil), "x"), 507, api.CodeDiskFull)
			fresh.refused(fresh.do(fresh.ana, "POST", "/blobs", "x"), 507, api.CodeDiskFull)
			fresh.refused(fresh.do(fresh.ana, "POST", "/jobs", `{"msg":1}`), 507, api.CodeDiskFull)
			fresh.refused(fresh.do(fresh.admin, "POST", "/jobs/batch", `[{"msg":1}]`), 507, api.CodeDiskFull)
			fresh.ok(fresh.do(fresh.agent, "PUT", "/blobs/"+blob.Sum([]byte("x")), "x"), 201, nil) // a result
		}
	}
}
