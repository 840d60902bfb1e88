package api_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/backup"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

func backupWorld(t *testing.T) *world {
	t.Helper()
	st, err := localstore.OpenMemory()
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	blobs, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = blobs.Close() })
	return worldOn(t, st, blobs, func(o *api.Options) { o.Snapshots = st })
}

// TestBackupRoutes: for admins, the store with all its jobs, and every file.
func TestBackupRoutes(t *testing.T) {
	t.Parallel()
	w := backupWorld(t)
	must(t, api.CheckBlobs(t.Context(), w.st, w.blobs))
	sum := w.orphaned("kept")
	if _, err := w.blobs.WriteLog(t.Context(), 7, 1, 0, strings.NewReader("a log"), 100); err != nil {
		t.Fatal(err)
	}
	id := w.submit(w.ana, `{"msg":{"a":1}}`)
	for _, token := range []string{w.ana, w.agent, w.prom} {
		for _, r := range [][2]string{{"POST", "/backup"}, {"GET", "/backup/store"}, {"GET", "/backup/files"}} {
			if a := w.do(token, r[0], r[1], nil); a.status != 403 {
				t.Errorf("%v answers %d", r, a.status)
			}
		}
	}
	var begun api.BackupBegun
	w.ok(w.do(w.admin, "POST", "/backup", nil), 200, &begun)
	if until := time.Until(begun.HeldUntil); until < time.Hour {
		t.Errorf("held for %s", until)
	}
	r, err := backup.NewReader(bytes.NewReader(w.do(w.admin, "GET", "/backup/store", nil).body))
	must(t, err)
	found := false
	for err == nil {
		var op store.Op
		if op, err = r.Next(); string(op.Key) == fmt.Sprint("live:job:", id) {
			found = true
		}
	}
	if !errors.Is(err, io.EOF) || !found || r.End.Folder != w.blobs.Identity() || r.End.HighWater < int64(id) || r.End.Owner == "" {
		t.Errorf("%v, the job %v, end %+v", err, found, r.End)
	}
	files := w.do(w.admin, "GET", "/backup/files", nil)
	for _, want := range []string{`"name":"blobs/` + sum[:2] + "/" + sum, `"name":"logs/7.1","size":5`, `{"name":"","size":2`} {
		if !strings.Contains(string(files.body), want) {
			t.Errorf("no %s in %s", want, files.body)
		}
	}
}

// TestHeldBlobsStay: what a backup may name is not collected, however old, until
// the hold is over.
func TestHeldBlobsStay(t *testing.T) {
	t.Parallel()
	w := backupWorld(t)
	c := w.collector()
	sum := w.orphaned("old")
	if _, err := w.blobs.WriteLog(t.Context(), 7, 1, 0, strings.NewReader("a log"), 100); err != nil {
		t.Fatal(err)
	}
	w.age("blobs", 48*time.Hour)
	w.age("logs", 48*time.Hour)
	w.ok(w.do(w.admin, "POST", "/backup", nil), 200, nil)
	if swept, err := c.Collect(t.Context()); err == nil || swept != (blob.Swept{}) {
		t.Fatalf("collected %+v, %v", swept, err)
	}
	if size, err := w.blobs.LogSize(t.Context(), 7, 1); err != nil || size != 5 {
		t.Errorf("the log: %d, %v", size, err)
	}
	later := w.collector(func(o *api.CollectorOptions) { o.Now = func() time.Time { return time.Now().Add(3 * time.Hour) } })
	w.collect(later)
	if _, err := w.blobs.Open(t.Context(), sum); err != nil { // from the trash, where it came just now
		t.Error(err)
	}
	if size, err := w.blobs.LogSize(t.Context(), 7, 1); err != nil || size != 0 {
		t.Errorf("the log stays after the hold: %d, %v", size, err)
	}
}

// TestNoBackupOfOthersBlobs: a server without a folder says which one has it.
func TestNoBackupOfOthersBlobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.Blobs = api.NewRemoteBlobs("https://10.0.0.5:5001", "t", "i", nil) })
	for _, r := range [][2]string{{"POST", "/backup"}, {"GET", "/backup/store"}, {"GET", "/backup/files"}} {
		a := w.do(w.admin, r[0], r[1], nil)
		if p := a.problem(t); p.Code != api.CodeOtherBlobs || !strings.Contains(p.Detail, "https://10.0.0.5:5001") {
			t.Errorf("%v: %+v", r, p)
		}
	}
}
