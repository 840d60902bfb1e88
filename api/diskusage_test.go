package api_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
)

// TestDiskUsage: each file counts once, for whoever names it, and what nothing names is told.
func TestDiskUsage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	put := func(n int, seed string) string {
		data := []byte(strings.Repeat(seed, n))
		sum, err := w.blobs.PutBytes(t.Context(), data)
		must(t, err)
		return sum
	}
	result, file := put(10_000, "r"), put(20_000, "f")
	list, err := json.Marshal(blob.Manifest{Files: []blob.File{{Name: "plot.png", Size: 20_000, SHA256: file}}})
	must(t, err)
	files, err := w.blobs.PutBytes(t.Context(), list)
	must(t, err)
	put(3_000, "o") // nobody's
	trash := put(500, "t")
	must(t, os.Rename(filepath.Join(w.blobs.Path(), "blobs", trash[:2], trash), filepath.Join(w.blobs.Path(), "trash", trash)))
	id := w.submit(w.ana, `{"msg":1}`)
	l := w.start(id, 0)
	w.ok(l.put(0, strings.Repeat("x", 700)), 200, nil)
	finish := scheduler.Finish{Outcome: scheduler.OutcomeSucceeded, Result: scheduler.Result{SHA256: result, Size: 10_000, Files: files, FileCount: 1}}
	_, err = w.sched.Finish(t.Context(), l.ref, finish)
	must(t, err)
	w.submit(w.bob, fmt.Sprintf(`{"msg":%q}`, strings.Repeat("p", 50_000))) // kept as a blob

	var u api.DiskUsage
	w.ok(w.do(w.admin, "GET", "/usage/disk", nil), 200, &u)
	if len(u.Users) != 2 || u.Users[0].User != "bob" || u.Users[0].Payloads < 50_000 || u.Users[0].Sum() != u.Users[0].Payloads {
		t.Fatalf("users %+v", u.Users)
	}
	want := api.UserDisk{User: "ana", Jobs: 1, DiskSum: api.DiskSum{Results: 10_000, Files: 20_000 + int64(len(list)), Logs: 700}}
	if u.Users[1] != want {
		t.Errorf("ana has %+v, want %+v", u.Users[1], want)
	}
	if u.Orphans != 3_500 || u.Trash != 500 || u.Total == 0 || u.Sum() != u.Users[0].Sum()+want.Sum() || !u.Done || u.Looked < 6 {
		t.Errorf("all: %+v", u)
	}
	var own api.DiskUsage
	w.ok(w.do(w.ana, "GET", "/usage/disk", nil), 200, &own)
	if len(own.Users) != 1 || own.Users[0] != want || own.DiskSum != want.DiskSum || own.Total != 0 || own.Orphans != 0 {
		t.Errorf("ana sees %+v", own)
	}
}
