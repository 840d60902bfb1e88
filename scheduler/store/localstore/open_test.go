package localstore_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// TestTaken: a folder belongs to one process, and the second one hears which.
func TestTaken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, dir)
	_, err := localstore.Open(t.Context(), dir)
	if !errors.Is(err, localstore.ErrTaken) || !strings.Contains(fmt.Sprint(err), fmt.Sprint("process ", os.Getpid())) {
		t.Fatalf("opened twice: %v", err)
	}
}

// TestReopen: data, identity and revision outlive the process.
func TestReopen(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "here")
	first := open(t, dir)
	before := commit(t, first, store.Put("a", []byte("x")), store.Index("i", []byte("m")))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := open(t, dir)
	after := commit(t, second, store.Put("b", nil))
	if after.Identity != before.Identity || after.Revision != before.Revision+1 {
		t.Errorf("before %+v, after %+v", before, after)
	}
	a, err := second.Read(t.Context(), store.Query{Keys: []string{"a"}, Counts: []store.Count{{Index: "i"}}})
	if err != nil || string(a.Records[0].Value) != "x" || a.Counts[0] != 1 {
		t.Errorf("read %+v, %v", a, err)
	}
}

// TestStoresDiffer: each new file has an identity of its own.
func TestStoresDiffer(t *testing.T) {
	t.Parallel()
	a, b := commit(t, openMemory(t)), commit(t, openMemory(t))
	if a.Identity == b.Identity {
		t.Errorf("two stores with identity %s", a.Identity)
	}
}

// TestForeignFile: a file that is not ours, or of another format, is not touched.
func TestForeignFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "store.db")
	if err := os.WriteFile(path, []byte("no store"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := localstore.Open(t.Context(), dir); err == nil {
		s.Close()
		t.Error("opened a file that is no store")
	}

	dir = t.TempDir()
	open(t, dir).Close()
	db, err := bolt.Open(filepath.Join(dir, "store.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte("mlq store 9"))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := localstore.Open(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "mlq store 9") {
		t.Errorf("opened a later format: %v", err)
	}
}

// TestMemoryLeavesNothing: not even while it is open.
func TestMemoryLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	s := openMemory(t)
	commit(t, s, store.Put("a", nil))
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for s, words := range map[store.Store][]string{
		open(t, dir):  {dir, "fsync"},
		openMemory(t): {"everything is lost"},
	} {
		line, err := s.Describe(t.Context())
		for _, word := range words {
			if err != nil || !strings.Contains(line, word) {
				t.Errorf("described as %q, %v; want %q", line, err, word)
			}
		}
	}
}
