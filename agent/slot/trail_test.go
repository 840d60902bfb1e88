package slot

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
)

// A result is hashed behind whoever writes it; what became of the file meanwhile
// never makes another size than it has.
func TestHashedWhileWritten(t *testing.T) {
	piece := bytes.Repeat([]byte("0123456789"), 100_000)
	for name, write := range map[string]func(f *os.File) error{
		"nothing":  func(*os.File) error { return nil },
		"in steps": func(f *os.File) error { return appendTo(f, piece, piece, piece) },
		"cut":      func(f *os.File) error { return firstError(appendTo(f, piece, piece), f.Truncate(1000)) },
		"emptied":  func(f *os.File) error { return firstError(appendTo(f, piece), f.Truncate(0)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := spool{t.TempDir()}
			ref := scheduler.LeaseRef{Job: 7, Fence: 1}
			r, err := s.createResult(ref)
			if err != nil {
				t.Fatal(err)
			}
			defer r.close()
			r.hashAlong()
			r.hashAlong() // said twice
			if err := write(r.file); err != nil {
				t.Fatal(err)
			}
			kept, err := s.keep(r, ref)
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(kept.Path)
			if err != nil {
				t.Fatal(err)
			}
			if kept.SHA256 != blob.Sum(data) || kept.Size != int64(len(data)) {
				t.Errorf("kept %d bytes as %s, and the file has %d as %s", kept.Size, kept.SHA256, len(data), blob.Sum(data))
			}
		})
	}
}

// appendTo writes pieces, each once the one before has been hashed or not: that is the
// scheduler's choice.
func appendTo(f *os.File, pieces ...[]byte) error {
	for _, p := range pieces {
		if _, err := f.Write(p); err != nil {
			return err
		}
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// What an attempt that is dropped leaves is a file that was closed: the hashing ends.
func TestTrailOfAClosedFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "part"))
	if err != nil {
		t.Fatal(err)
	}
	tr := follow(f)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if e := <-tr.end; e.err == nil {
		t.Error("a closed file was read to its end")
	}
}
