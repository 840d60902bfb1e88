package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// wire is the way between two servers, which a test can cut.
type wire struct {
	down atomic.Bool
	cut  atomic.Int64 // > 0: answers break off after so many bytes
}

var errCut = errors.New("the wire was cut")

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.down.Load() {
		return nil, errCut
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if after := w.cut.Load(); err == nil && after > 0 {
		response.Body = cutBody{response.Body, blob.Limit(response.Body, after)}
	}
	return response, err
}

type cutBody struct {
	io.Closer
	io.Reader
}

// newPair is a server with a folder, and one on the same store that keeps its
// blobs with the first.
func newPair(t *testing.T, change ...func(*api.Options)) (owner, other *world, between *wire) {
	t.Helper()
	st, err := localstore.OpenMemory()
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	folder, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = folder.Close() })
	between = new(wire)
	owner = worldOn(t, st, folder)
	remote := api.NewRemoteBlobs(owner.url, owner.token("server", auth.RoleServer), folder.Identity(), &http.Client{Transport: between})
	other = worldOn(t, st, folder, append(change, func(o *api.Options) { o.Blobs = remote })...)
	return owner, other, between
}

func noise(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(data)
	return data
}

// withFile ends an attempt with a large result and a file in out/.
func (w *world) withFile(l lease, name string, data []byte, result string) {
	w.Helper()
	sum := blob.Sum(data)
	w.ok(w.do(w.agent, "PUT", "/blobs/"+sum, data), 201, nil)
	manifest := fmt.Sprintf(`{"files":[{"name":%q,"size":%d,"sha256":%q}]}`, name, len(data), sum)
	w.ok(w.do(w.agent, "PUT", "/blobs/"+blob.Sum([]byte(manifest)), manifest), 201, nil)
	l.finish(scheduler.Finish{
		Outcome: scheduler.OutcomeSucceeded, Result: scheduler.Result{Files: blob.Sum([]byte(manifest)), FileCount: 1},
	}, envelope.Header{Kind: envelope.KindResult, Value: envelope.ValueBytes, Short: "much"}, view(result))
}

// ranges asks for parts of what is large, and of what is not there.
func (w *world) ranges(path string, data []byte, etag string) {
	w.Helper()
	size := len(data)
	for _, c := range []struct {
		header, value string
		status        int
		want          []byte
	}{
		{"Range", "bytes=0-9", 206, data[:10]},
		{"Range", "bytes=-7", 206, data[size-7:]},
		{"Range", fmt.Sprintf("bytes=%d-", size/2), 206, data[size/2:]},
		{"Range", fmt.Sprintf("bytes=%d-", size), 416, nil},
		{"If-None-Match", etag, 304, nil},
	} {
		a := w.do(w.ana, "GET", path, nil, header{c.header, c.value})
		if a.status != c.status || c.want != nil && !bytes.Equal(a.body, c.want) {
			w.Errorf("%s with %s %s: %d, %d bytes", path, c.header, c.value, a.status, len(a.body))
		}
	}
	if a := w.do(w.ana, "HEAD", path, nil); a.status != 200 || a.header.Get("Content-Length") != fmt.Sprint(size) {
		w.Errorf("HEAD %s: %d, Content-Length %s", path, a.status, a.header.Get("Content-Length"))
	}
}

// body sends a request as an agent and gives the body of a success.
func (w *world) body(request *http.Request) io.Reader {
	w.Helper()
	request.Header.Set("Authorization", "Bearer "+w.agent)
	response, err := http.DefaultClient.Do(request)
	must(w, err)
	w.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode/100 != 2 {
		w.Fatalf("%s %s: %s", request.Method, request.URL.Path, response.Status)
	}
	return response.Body
}

func digest(t *testing.T, r io.Reader) string {
	t.Helper()
	hash := sha256.New()
	_, err := io.Copy(hash, r)
	must(t, err)
	return hex.EncodeToString(hash.Sum(nil))
}

type failingReader struct{}

// fetch reads an answer to its end and tells how that was.
func (w *world) fetch(path, part string) (int64, error) {
	w.Helper()
	request, err := http.NewRequestWithContext(w.Context(), http.MethodGet, w.url+path, nil)
	must(w, err)
	if part != "" {
		request.Header.Set("Range", part)
	}
	return io.Copy(io.Discard, w.body(request))
}
