package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/mlq-dev/mlq/internal/blob"
)

// filled is a cache with one payload in it, which this process has not checked yet.
func filled(t *testing.T, told io.Writer) (c *cache, sum, path string) {
	t.Helper()
	data := []byte("call")
	c = &cache{dir: t.TempDir(), api: &shelf{data: data}, log: zerolog.New(told)}
	sum = blob.Sum(data)
	path = filepath.Join(c.dir, sum)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return c, sum, path
}

// TestCacheReadsOnce: a job that is cancelled does not wait for a payload's hash, and no job for
// one that this process has computed already: with an argument of some GiB that is seconds of a device.
func TestCacheReadsOnce(t *testing.T) {
	t.Parallel()
	var told strings.Builder
	c, sum, path := filled(t, &told)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if f, err := c.open(gone, sum); !errors.Is(err, context.Canceled) {
		t.Fatalf("not checked yet, for a job that was cancelled: %v, %v", f, err)
	}
	for range 3 { // each use touches the file
		f, err := c.open(t.Context(), sum)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if f, err = c.open(gone, sum); err != nil {
			t.Fatalf("checked, and read once more: %v", err)
		}
		f.Close()
	}
	if err := os.WriteFile(path, []byte("cell"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := c.open(gone, sum); !errors.Is(err, context.Canceled) {
		t.Errorf("written to since, and not read: %v, %v", f, err)
	}
	if told.Len() > 0 || !exists(path) {
		t.Errorf("is there: %t; the log says %q", exists(path), told.String())
	}
}

// TestCacheRemembersWhatItFetched: what was held to its hash on its way in is not read for the next job.
func TestCacheRemembersWhatItFetched(t *testing.T) {
	t.Parallel()
	c, sum, path := filled(t, io.Discard)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	f, err := c.open(t.Context(), sum)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("x"); err == nil {
		t.Error("who has the payload can write to it")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	again, err := c.open(gone, sum)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// TestCacheKeepsWhatIsNotDamaged: that a file cannot be opened does not say that it is damaged.
func TestCacheKeepsWhatIsNotDamaged(t *testing.T) {
	t.Parallel()
	var told strings.Builder
	c, sum, path := filled(t, &told)
	if err := errors.Join(os.Remove(path), os.Symlink(path, path)); err != nil {
		t.Fatal(err)
	}
	if f, err := c.open(t.Context(), sum); !errors.Is(err, unix.ELOOP) || told.Len() > 0 {
		t.Errorf("%v, %v; the log says %q", f, err, told.String())
	}
	for err, want := range map[error]bool{errDamaged: true, unix.EIO: true, unix.EISDIR: true, unix.EMFILE: false, unix.EACCES: false, context.Canceled: false} {
		if got := spoilt(&os.PathError{Op: "open", Path: path, Err: err}); got != want {
			t.Errorf("%v: damaged %t, want %t", err, got, want)
		}
	}
}

// vanishing is an API whose payload another removes from the cache as soon as it is there.
type vanishing struct {
	API
	data []byte
	path string
}

func (v *vanishing) GetBlob(context.Context, string) (io.ReadCloser, error) {
	return struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(v.data), v}, nil
}

func (v *vanishing) Close() error { return os.Remove(v.path) }

// TestCacheWithTwoWhoFindItDamaged: the slower one removes the file again that the other has just fetched.
func TestCacheWithTwoWhoFindItDamaged(t *testing.T) {
	t.Parallel()
	c, sum, path := filled(t, io.Discard)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	c.api = &vanishing{data: []byte("call"), path: path}
	f, err := c.open(t.Context(), sum)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := io.ReadAll(f); string(got) != "call" {
		t.Errorf("%q, %v", got, err)
	}
}
