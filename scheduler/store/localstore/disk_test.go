package localstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestDiskWithoutRoom fills a real disk, beyond the reserve: in the middle of pages, and
// where the file has to grow. Each commit is there whole or refused, the file stays whole, and
// where there is room again commits go on, in the process that met the limit.
func TestDiskWithoutRoom(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "2m")
	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 512<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(disk, "store")
	s := opened(t, dir)
	s.reserve = 0
	kept := fillUp(t, s, 0)
	_, err := s.Commit(t.Context(), store.Commit{Identity: s.identity, Effects: []store.Effect{store.Put("large", make([]byte, 400<<10))}})
	if !errors.Is(err, store.ErrFull) || !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a large commit on a full disk: %v", err)
	}
	allThere(t, s, kept)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	more := fillUp(t, s, kept)
	if more <= kept {
		t.Errorf("%d commits before there was room, %d in all", kept, more)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	holder := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(holder, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	again := opened(t, holder)
	allThere(t, again, more)
	must(t, again, store.Put("with room", nil))
}

// TestFirstStartWithoutRoom: a disk on which a new store does not fit, whatever it has room for,
// leaves nothing that the next start would take for a damaged store.
func TestFirstStartWithoutRoom(t *testing.T) {
	t.Parallel()
	refused := 0
	for pages := range 10 {
		disk := smallDisk(t, "1m")
		filler := filepath.Join(disk, "filler")
		if err := os.WriteFile(filler, make([]byte, 1<<20-pages*os.Getpagesize()), 0o600); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(disk, "store")
		s, err := Open(t.Context(), dir)
		if err == nil {
			err = s.Close()
		} else if refused++; !errors.Is(err, unix.ENOSPC) {
			t.Errorf("room for %d pages: %v", pages, err)
		}
		if err := errors.Join(err, os.Remove(filler)); err != nil && !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
		if err := opened(t, dir).Close(); err != nil {
			t.Error(err)
		}
	}
	if refused < 5 || refused > 9 {
		t.Errorf("%d of 10 starts were refused", refused)
	}
}

// TestCauseHasNoPath: /readyz shows it to whoever asks.
func TestCauseHasNoPath(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"read-only file system": unavailable(&os.PathError{Op: "write", Path: "/secret/place", Err: unix.EROFS}),
		"input/output error":    unavailable(&os.PathError{Op: "write", Path: "/secret/place", Err: unix.EIO}),
		"the log has more":      unavailable(errors.New("/secret/place")),
	} {
		if got := cause(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

// fillUp commits until the disk is full, and says how many are acknowledged in all.
func fillUp(t *testing.T, s *Store, n int) int {
	t.Helper()
	for {
		c := store.Commit{Identity: s.identity, Effects: []store.Effect{store.Put(fmt.Sprint("job:", n), bytes.Repeat([]byte{byte(n)}, 3_000))}}
		_, err := s.Commit(context.Background(), c)
		if errors.Is(err, store.ErrFull) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
}

// allThere: the first n are there with their bytes, and nothing else.
func allThere(t *testing.T, s *Store, n int) {
	t.Helper()
	for i := range n + 1 {
		a, err := s.Read(context.Background(), store.Query{Keys: []string{fmt.Sprint("job:", i)}})
		want := bytes.Repeat([]byte{byte(i)}, 3_000)
		if i == n {
			want = nil
		}
		if err != nil || !bytes.Equal(a.Records[0].Value, want) {
			t.Fatalf("record %d of %d: %d bytes, %v", i, n, len(a.Records[0].Value), err)
		}
	}
}

// smallDisk is a disk of its own.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("needs root and mounts: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}
