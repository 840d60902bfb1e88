package api_test

import (
	"context"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
)

// halting is a folder whose blob slow is read to its half, and on when the gate opens.
type halting struct {
	*blob.Folder

	slow   string
	halted chan struct{} // gets one for each reader who comes to the half
	gate   chan struct{}
	read   atomic.Int64 // bytes of it, by all
}

func (h *halting) Open(ctx context.Context, sum string) (blob.Content, error) {
	c, err := h.Folder.Open(ctx, sum)
	if err == nil && sum == h.slow {
		c.ReaderAt = &haltingReader{h, c.ReaderAt, c.Size / 2}
	}
	return c, err
}

type haltingReader struct {
	*halting

	io.ReaderAt

	half int64
}

func (r *haltingReader) ReadAt(p []byte, off int64) (int, error) {
	if off >= r.half {
		select {
		case <-r.gate:
		default:
			r.halted <- struct{}{}
			<-r.gate
		}
	}
	n, err := r.ReaderAt.ReadAt(p, off)
	r.read.Add(int64(n))
	return n, err
}

// awaitHalted returns when a reader has come to the half.
func awaitHalted(t *testing.T, halted <-chan struct{}) {
	t.Helper()
	select {
	case <-halted:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody reads")
	}
}

// TestHashedOnce: whoever gives up on a large file that is being hashed finds it hashed
// when they come back, and it is hashed once, however many ask at once.
func TestHashedOnce(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789abcdef", 64<<10)
	folder, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = folder.Close() })
	h := &halting{Folder: folder, slow: blob.Sum([]byte(text)), halted: make(chan struct{}, 16), gate: make(chan struct{})}
	w := newWorld(t, func(o *api.Options) { o.Blobs = h })
	id := w.withLargeFile(h, text)
	file := path(id, "/files/large.bin")

	conn, _ := w.get(file)
	awaitHalted(t, h.halted)
	must(t, conn.Close())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if a := w.do(w.ana, "GET", file, nil, header{"Range", "bytes=16-31"}); a.status != 206 || string(a.body) != text[16:32] {
				t.Errorf("a part: %d %.100s", a.status, a.body)
			}
		})
	}
	eventually(t, "all ask", func() bool { return w.metric("mlq_http_requests_under_way") >= 5 })
	close(h.gate)
	all.Wait()
	if n := h.read.Load(); n > int64(len(text))+4*16 {
		t.Errorf("%d bytes were read of %d", n, len(text))
	}
}

// TestRevokedWhileHashed: whoever is revoked while a file is hashed for them gets none of it.
func TestRevokedWhileHashed(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789abcdef", 4<<10)
	folder, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = folder.Close() })
	h := &halting{Folder: folder, slow: blob.Sum([]byte(text)), halted: make(chan struct{}, 16), gate: make(chan struct{})}
	w := newWorld(t, func(o *api.Options) { o.Blobs = h })
	file := path(w.withLargeFile(h, text), "/files/large.bin")
	got := make(chan answer)
	go func() { got <- w.do(w.ana, "GET", file, nil) }()
	awaitHalted(t, h.halted)
	must(t, w.tokens.Revoke(t.Context(), strings.Split(w.ana, "_")[2]))
	w.refused(<-got, 401, api.CodeUnauthorized) // the gate is shut still
	close(h.gate)
}

// TestUnhashed: who gets none of the bytes, or compares them, waits for no hash.
func TestUnhashed(t *testing.T) {
	t.Parallel()
	folder, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = folder.Close() })
	w := newWorld(t, func(o *api.Options) { o.Blobs = folder })
	w.blobs = folder
	text := strings.Repeat("x", 10_000)
	sum := blob.Sum([]byte(text))
	id := w.withLargeFile(folder, text)
	w.damage(sum, func(text string) string { return "y" + text[1:] })
	file := path(id, "/files/large.bin")
	w.refused(w.do(w.ana, "GET", file, nil), 410, api.CodeResultGone)
	w.refused(w.do(w.ana, "GET", file, nil, header{"If-None-Match", `"another"`}), 410, api.CodeResultGone)
	for _, c := range []struct {
		method string
		header header
		status int
	}{
		{"HEAD", header{"Accept", "*/*"}, 200},
		{"GET", header{"If-None-Match", `"` + sum + `"`}, 304},
		{"GET", header{api.HeaderCompares, "sha-256"}, 200},
	} {
		if a := w.do(w.ana, c.method, file, nil, c.header); a.status != c.status {
			t.Errorf("%s %v: %d", c.method, c.header, a.status)
		}
	}
	w.refused(w.do(w.ana, "GET", file, nil, header{api.HeaderCompares, "md5"}), 410, api.CodeResultGone)
}

// withLargeFile is a job of ana's that left large.bin.
func (w *world) withLargeFile(blobs api.Blobs, text string) scheduler.JobID {
	w.Helper()
	sum, err := blobs.PutBytes(w.Context(), []byte(text))
	must(w, err)
	list := `{"files":[{"name":"large.bin","size":` + strconv.Itoa(len(text)) + `,"sha256":"` + sum + `"}]}`
	manifest, err := blobs.PutBytes(w.Context(), []byte(list))
	must(w, err)
	id := w.submit(w.ana, `{"msg":1}`)
	_, err = w.sched.Finish(w.Context(), w.start(id, 0).ref, scheduler.Finish{
		Outcome: scheduler.OutcomeFailed, Reason: scheduler.ReasonError, Result: scheduler.Result{Files: manifest, FileCount: 1},
	})
	must(w, err)
	return id
}
