package api_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
)

// TestRemoteBlobs: payload, log, result and files go in and out through a
// server that keeps its blobs with another one.
func TestRemoteBlobs(t *testing.T) {
	t.Parallel()
	owner, other, _ := newPair(t)
	id := other.submit(other.ana, `{"msg":"`+strings.Repeat("m", 20_000)+`"}`)
	l := other.start(id, 0)
	l.put(0, "hello ")
	l.put(6, "world\n")
	if got := owner.do(owner.ana, "GET", path(id, "/logs"), nil); string(got.body) != "hello world\n" {
		t.Errorf("the log at the owner reads %q", got.body)
	}
	if got := other.do(other.ana, "GET", path(id, "/logs?offset=6"), nil); string(got.body) != "world\n" {
		t.Errorf("the log from byte 6 reads %q", got.body)
	}
	p := other.refused(other.do(other.nodeToken, "PUT", fmt.Sprintf("/jobs/%d/attempts/1/log?offset=50&fence=%d", id, l.ref.Fence), "x"), 409, api.CodeLogGap)
	if p.Size == nil || *p.Size != 12 {
		t.Errorf("log-gap tells the size %v", p.Size)
	}
	lines := other.stream(path(id, "/logs?follow=1"))
	lines.want(t, "hello world")
	data := noise(1 << 20)
	other.withFile(l, "weights.bin", data, string(data))
	lines.wantEnd(t)
	for _, of := range []string{"/result?wait=10s", "/files/weights.bin"} {
		got := other.do(other.ana, "GET", path(id, of), nil)
		if got.status != 200 || !bytes.Equal(got.body, data) {
			t.Errorf("%s: status %d, %d bytes", of, got.status, len(got.body))
		}
		other.ranges(path(id, of), data, got.header.Get("ETag"))
	}
	if got := other.job(other.ana, id); !bytes.Contains(got.Msg, []byte("mmm")) {
		t.Errorf("the job is shown with the msg %.20s", got.Msg)
	}
}

// TestRemoteBlobsUploaded: a call that was uploaded before, through both servers.
func TestRemoteBlobsUploaded(t *testing.T) {
	t.Parallel()
	owner, other, _ := newPair(t)
	body := callEnvelope(t, 20_000)
	call := fmt.Sprintf(`{"call":{"sha256":%q,"size":%d,"function":"train","python":"3.11.7"}}`, blob.Sum(body), len(body))
	other.refused(other.do(other.ana, "POST", "/jobs", call), 409, api.CodeBlobMissing)
	other.refused(other.do(other.ana, "PUT", "/blobs/"+blob.Sum(nil), "x"), 422, api.CodeDigest)
	other.refused(other.do(other.agent, "GET", "/blobs/"+blob.Sum(nil), nil), 404, api.CodeNotFound)
	var written api.BlobWritten
	other.ok(other.do(other.ana, "POST", "/blobs", body), 201, &written)
	if want := (api.BlobWritten{SHA256: blob.Sum(body), Size: int64(len(body))}); written != want {
		t.Errorf("the answer is %+v, not %+v", written, want)
	}
	other.submit(other.ana, call)
	owner.submit(owner.ana, call)
}

// TestBlobRoutesForServers: what one server asks of another one.
func TestBlobRoutesForServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret, of := w.token("server", auth.RoleServer), header{api.HeaderBlobs, w.blobs.Identity()}
	var folder api.BlobFolder
	w.ok(w.do(secret, "GET", "/blobs", nil, of), 200, &folder)
	if folder.Identity != w.blobs.Identity() || folder.Total <= 0 || folder.Free > folder.Total {
		t.Errorf("the folder is %+v", folder)
	}
	const log = "/blobs/logs/7/1"
	w.refused(w.do(secret, "GET", log, nil, of), 404, api.CodeNotFound)
	var written api.LogWritten
	w.ok(w.do(secret, "PUT", log, "hello", of), 200, nil)
	w.ok(w.do(secret, "PUT", log+"?offset=5", " world", of), 200, &written)
	if written.Size != 11 {
		t.Errorf("the log is %d bytes long", written.Size)
	}
	for part, want := range map[string]string{"": "hello world", "?from=6": "world", "?from=2&to=4": "ll", "?from=11": ""} {
		if a := w.do(secret, "GET", log+part, nil, of); a.status != 200 || string(a.body) != want {
			t.Errorf("GET %s%s: %d %q, want %q", log, part, a.status, a.body, want)
		}
	}
	w.refused(w.do(secret, "GET", log+"?from=2&to=12", nil, of), 416, api.CodeRange)
	w.refused(w.do(secret, "PUT", log+"?offset=50", "x", of), 409, api.CodeLogGap)
	w.refused(w.do(secret, "GET", "/blobs/logs/7/0", nil, of), 404, api.CodeNotFound)
	w.refused(w.do(secret, "GET", "/blobs/logs/x/1", nil, of), 404, api.CodeNotFound)
}

// TestRemoteBlobsLimit: what is wrong with the body is not blamed on the other server.
func TestRemoteBlobsLimit(t *testing.T) {
	t.Parallel()
	_, other, _ := newPair(t, func(o *api.Options) { o.MaxBlob = 10 })
	data := []byte("more than ten bytes")
	other.refused(other.do(other.ana, "PUT", "/blobs/"+blob.Sum(data), io.MultiReader(bytes.NewReader(data))), 413, api.CodeTooLarge)
	other.refused(other.do(other.ana, "POST", "/blobs", io.MultiReader(bytes.NewReader(data))), 413, api.CodeTooLarge)
	other.ok(other.do(other.ana, "PUT", "/blobs/"+blob.Sum(data[:10]), io.MultiReader(bytes.NewReader(data[:10]))), 201, nil)
}

// TestRemoteBlobsAreStreamed: 100 MiB go in and out, and nowhere in either
// server are they in memory. Not parallel: it counts what the process allocates.
func TestRemoteBlobsAreStreamed(t *testing.T) {
	const size = 100 << 20
	_, other, _ := newPair(t)
	source := func() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{1}), size) }
	sum := digest(t, source())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, other.url+"/blobs/"+sum, source())
	must(t, err)
	request.Header.Set("Content-Type", "application/octet-stream")
	if got := digest(t, other.body(request)); got == "" {
		t.Error("no answer to the upload")
	}
	request, err = http.NewRequestWithContext(t.Context(), http.MethodGet, other.url+"/blobs/"+sum, nil)
	must(t, err)
	if got := digest(t, other.body(request)); got != sum {
		t.Errorf("SHA-256 of what came back is %s, want %s", got, sum)
	}
	runtime.ReadMemStats(&after)
	if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > size>>21 {
		t.Errorf("%d MiB were allocated on the way", took)
	}
}

// TestRemoteBlobsAway: while the other server is away everything that needs it
// is refused for now, nothing is half done, and all works when it is back.
func TestRemoteBlobsAway(t *testing.T) {
	t.Parallel()
	owner, other, between := newPair(t)
	id := other.submit(other.ana, `{"msg":1}`)
	other.withFile(other.start(id, 0), "w.bin", noise(50_000), strings.Repeat("r", 50_000))
	large := `{"msg":"` + strings.Repeat("m", 20_000) + `"}`
	if a := other.do("", "GET", "/readyz", nil); a.status != 200 {
		t.Fatalf("readyz before: %d %s", a.status, a.body)
	}
	before := other.count()
	between.down.Store(true)
	eventually(t, "the server is not ready", func() bool { return other.do("", "GET", "/readyz", nil).status == 503 })
	if a := other.do("", "GET", "/readyz", nil); !bytes.Contains(a.body, []byte("has the blobs is away")) {
		t.Errorf("readyz says %s", a.body)
	}
	for _, a := range []answer{
		other.do(other.ana, "POST", "/jobs", large),
		other.do(other.ana, "POST", "/jobs/batch", `[`+large+`,`+large+`]`),
		other.do(other.ana, "POST", "/consumer?name=f", pickled("f"), header{"Content-Type", "application/octet-stream"}),
		other.do(other.ana, "PUT", "/blobs/"+blob.Sum([]byte("x")), "x"),
		other.do(other.ana, "GET", path(id, "/result"), nil),
		other.do(other.ana, "GET", path(id, "/files/w.bin"), nil),
		other.do(other.ana, "GET", path(id, "/logs"), nil),
	} {
		other.refused(a, 503, api.CodeBlobsAway)
		if a.header.Get("Retry-After") != "2" || bytes.Contains(a.body, []byte(owner.url)) {
			t.Errorf("Retry-After %q, and the body is %s", a.header.Get("Retry-After"), a.body)
		}
	}
	if n := other.count(); n != before {
		t.Errorf("%d jobs, there were %d", n, before)
	}
	between.down.Store(false)
	eventually(t, "the server is ready again", func() bool { return other.do("", "GET", "/readyz", nil).status == 200 })
	other.submit(other.ana, large)
}

// TestRemoteBlobsCutOff: what breaks off on its way is kept nowhere and taken
// by nobody as whole.
func TestRemoteBlobsCutOff(t *testing.T) {
	t.Parallel()
	owner, other, between := newPair(t)
	data := noise(4 << 20)
	sum := blob.Sum(data)
	for method, path := range map[string]string{http.MethodPut: "/blobs/" + sum, http.MethodPost: "/blobs"} {
		broken := io.MultiReader(bytes.NewReader(data[:1<<20]), failingReader{})
		request, err := http.NewRequestWithContext(t.Context(), method, other.url+path, broken)
		must(t, err)
		request.Header.Set("Content-Type", "application/octet-stream")
		request.Header.Set("Authorization", "Bearer "+other.ana)
		if response, err := http.DefaultClient.Do(request); err == nil {
			t.Errorf("%s: half a body was answered with %s", method, response.Status)
			_ = response.Body.Close()
		}
	}
	eventually(t, "the upload is given up", func() bool {
		left, err := os.ReadDir(filepath.Join(owner.blobs.Path(), "tmp"))
		return err == nil && len(left) == 0
	})
	for _, kept := range []string{sum, blob.Sum(data[:1<<20])} {
		other.refused(other.do(other.agent, "GET", "/blobs/"+kept, nil), 404, api.CodeNotFound)
	}
	other.ok(other.do(other.ana, "PUT", "/blobs/"+sum, data), 201, nil)
	between.cut.Store(1 << 20)
	for _, part := range []string{"", "bytes=10-"} {
		if n, err := other.fetch("/blobs/"+sum, part); err == nil {
			t.Errorf("range %q: %d bytes of a blob that broke off were taken as all of it", part, n)
		}
	}
}

func (failingReader) Read([]byte) (int, error) { return 0, errCut }

// TestRemoteBlobsOfWhom: a server answers others only for a folder of its own,
// and only for the one that they mean.
func TestRemoteBlobsOfWhom(t *testing.T) {
	t.Parallel()
	owner, other, _ := newPair(t)
	secret := owner.token("server", auth.RoleServer)
	for name, remote := range map[string]*api.RemoteBlobs{
		"in a circle":   api.NewRemoteBlobs(other.url, secret, owner.blobs.Identity(), http.DefaultClient),
		"another store": api.NewRemoteBlobs(owner.url, secret, "another", http.DefaultClient),
	} {
		if _, err := remote.Space(t.Context()); !errors.Is(err, api.ErrOtherBlobs) || !errors.Is(err, blob.ErrAway) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := remote.PutBytes(t.Context(), []byte("x")); !errors.Is(err, api.ErrOtherBlobs) {
			t.Errorf("%s, an upload: %v", name, err)
		}
	}
	stranger := api.NewRemoteBlobs(owner.url, owner.ana, owner.blobs.Identity(), http.DefaultClient)
	if _, err := stranger.Space(t.Context()); !errors.Is(err, blob.ErrAway) || errors.Is(err, api.ErrOtherBlobs) {
		t.Errorf("a user's token: %v", err)
	}
	for _, route := range []string{"/jobs", "/consumer", "/tokens", "/queue", "/metrics", "/leases"} {
		owner.refused(owner.do(secret, "GET", route, nil, header{api.HeaderBlobs, owner.blobs.Identity()}), 403, api.CodeForbidden)
	}
	owner.refused(owner.do(secret, "POST", "/jobs", `{"msg":1}`), 403, api.CodeForbidden)
}
