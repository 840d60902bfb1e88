package localstore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestCutWhileOpen: neither a read nor a commit ends the process, and nothing is
// acknowledged that the file does not have.
func TestCutWhileOpen(t *testing.T) {
	t.Parallel()
	dir := folderWith(t, lived(t, 300))
	s := opened(t, dir)
	if err := os.Truncate(filepath.Join(dir, fileName), 2*4096); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(t.Context(), store.Query{Keys: []string{"job:7"}}); !errors.Is(err, ErrDamaged) || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a read: %v", err)
	}
	for range 2 {
		writesNoMore(t, s)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestSnapshotIsHeldToTheSeal: what a disk changed since the file was opened is in no backup.
func TestSnapshotIsHeldToTheSeal(t *testing.T) {
	t.Parallel()
	dir := folderWith(t, lived(t, 60))
	s := opened(t, dir)
	overwrite(t, dir, bytes.Repeat([]byte{59}, 50+59%7*30), func(at int64) int64 { return at + 3 }, []byte{60})
	if _, err := s.Snapshot(t.Context(), func(store.Op) error { return nil }); !errors.Is(err, ErrDamaged) {
		t.Errorf("a snapshot: %v", err)
	}
	writesNoMore(t, s)
}

// TestReadFindsDamage: whoever finds it, nothing is written any more: the next start would
// refuse the file, with all that was acknowledged since.
func TestReadFindsDamage(t *testing.T) {
	t.Parallel()
	dir := folderWith(t, lived(t, 300))
	s := opened(t, dir)
	page := func(at int64) int64 { return at &^ 4095 }
	overwrite(t, dir, bytes.Repeat([]byte{159}, 50+159%7*30), page, make([]byte, 4096))
	if _, err := s.Read(t.Context(), store.Query{Keys: []string{"job:159"}}); !errors.Is(err, ErrDamaged) || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a read: %v", err)
	}
	writesNoMore(t, s)
}

func writesNoMore(t *testing.T, s *Store) {
	t.Helper()
	_, err := s.Commit(t.Context(), store.Commit{Identity: s.identity, Effects: []store.Effect{store.Put("new", nil)}})
	if !errors.Is(err, ErrDamaged) || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a commit: %v", err)
	}
	if problems, _, err := s.Inspect(t.Context()); err != nil || len(problems) != 1 || !strings.Contains(problems[0], "any more (it is damaged); look at the disk") {
		t.Errorf("inspected: %q, %v", problems, err)
	}
}

// overwrite writes where every copy of a value is, in the page that is used too.
func overwrite(t *testing.T, dir string, value []byte, where func(at int64) int64, with []byte) {
	t.Helper()
	file := filepath.Join(dir, fileName)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for at := bytes.Index(data, value); at >= 0; {
		if _, err := f.WriteAt(with, where(int64(at))); err != nil {
			t.Fatal(err)
		}
		n := bytes.Index(data[at+1:], value)
		if n < 0 {
			return
		}
		at += 1 + n
	}
}
