package api_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

// TestDamagedBlobs: what the disk made of a result, a file or the list of files is shown to
// nobody as the job's own; who compares the SHA-256 gets it as it is.
func TestDamagedBlobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := strings.Repeat("x", 100_000)
	file := []byte("a file of the job")
	sum, err := w.blobs.PutBytes(t.Context(), file)
	must(t, err)
	manifest, err := json.Marshal(blob.Manifest{Files: []blob.File{{Name: "out.txt", Size: int64(len(file)), SHA256: sum}}})
	must(t, err)
	list, err := w.blobs.PutBytes(t.Context(), manifest)
	must(t, err)
	id := w.submit(w.ana, `{"msg":1}`)
	w.start(id, 0).finish(scheduler.Finish{Outcome: scheduler.OutcomeSucceeded, Result: scheduler.Result{Files: list, FileCount: 1}},
		envelope.Header{Kind: envelope.KindResult, Value: envelope.ValueText, Short: "short"}, view(text))
	whole := w.do(w.ana, "GET", path(id, "/result"), nil, header{"Accept", envelope.Media})
	if whole.status != 200 {
		t.Fatalf("%d %s", whole.status, whole.body)
	}
	result := blob.Sum(whole.body)
	for _, c := range []struct{ sum, path string }{
		{result, "/result"}, {result, "/result.txt"}, {result, "/result.html"}, {sum, "/files/out.txt"}, {list, "/files"}, {list, "/files/out.txt"},
	} {
		at := filepath.Join(w.blobs.Path(), "blobs", c.sum[:2], c.sum)
		good, err := os.ReadFile(at)
		must(t, err)
		bad := []byte(string(good))
		bad[len(bad)-10] ^= 1
		must(t, os.WriteFile(at, bad, 0o600))
		p := w.refused(w.do(w.ana, "GET", path(id, c.path), nil), 410, api.CodeResultGone)
		if !strings.Contains(p.Detail, "damaged on the server's disk") {
			t.Errorf("%s: %q", c.path, p.Detail)
		}
		if c.sum == result {
			got := w.do(w.ana, "GET", path(id, c.path[:7]), nil, header{"Accept", envelope.Media})
			if string(got.body) != string(bad) || blob.Sum(got.body) == result {
				t.Error("the envelope is not as it is, for who compares")
			}
		}
		must(t, os.WriteFile(at, good, 0o600))
	}
	for _, part := range []string{"/result", "/result.txt", "/files", "/files/out.txt"} {
		if a := w.do(w.ana, "GET", path(id, part), nil); a.status != 200 {
			t.Errorf("%s, brought back: %d %s", part, a.status, a.body)
		}
	}
}
