package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// mostBytes bounds a file.
	mostBytes = 1 << 20
	// steadyFor is how long a file has to stay as it is before it is believed:
	// whoever writes in place empties it first, and writes a moment later.
	steadyFor = 50 * time.Millisecond
	// steadyTries bounds the wait for that.
	steadyTries = 10
	// grain is how coarse times of files may be: a change within it may not show.
	grain = 2 * time.Second
)

// file is a file that others change. Not safe for concurrent use.
type file struct {
	path  string
	pause func(context.Context) error // between two looks; nil: steadyFor
	seen  *finding                    // what it was the last time, nil before
}

// finding is what a file was at one look.
type finding struct {
	stamp stamp
	text  []byte
	err   error
}

// stamp is another one when a file is another one, as soon as times are fine enough.
type stamp struct {
	dev, ino       uint64
	size           int64
	written, moved unix.Timespec
	mode           uint32
}

// look gives the file's text where it may say something else than at the last
// look, and an error where it cannot be read. changed is false where all is as it was.
func (f *file) look(ctx context.Context) (text []byte, changed bool, err error) {
	now, err := stampOf(f.path)
	if err == nil && f.seen != nil && now == f.seen.stamp && f.seen.settled() {
		return nil, false, nil
	}
	next := f.steady(ctx)
	if f.seen != nil && next.same(f.seen) {
		f.seen = next // its stamp may be a later one
		return nil, false, nil
	}
	f.seen = next
	return next.text, true, next.err
}

// settled: a change after this look has another stamp.
func (f *finding) settled() bool {
	return f.err == nil && time.Since(time.Unix(f.stamp.written.Unix())) > grain && time.Since(time.Unix(f.stamp.moved.Unix())) > grain
}

// same: nobody has to hear of it.
func (f *finding) same(other *finding) bool {
	if f.err != nil || other.err != nil {
		return f.err != nil && other.err != nil && f.err.Error() == other.err.Error()
	}
	return bytes.Equal(f.text, other.text)
}

// steady reads the file until two looks in a row find the same, or it says what it said.
func (f *file) steady(ctx context.Context) *finding {
	found := readOnce(f.path)
	for range steadyTries {
		if f.seen != nil && found.same(f.seen) {
			return found
		}
		if f.rest(ctx) != nil {
			return f.unchanged(found)
		}
		again := readOnce(f.path)
		if again.same(found) && again.stamp == found.stamp {
			return again
		}
		found = again
	}
	return found
}

func (f *file) rest(ctx context.Context) error {
	if f.pause != nil {
		return f.pause(ctx)
	}
	return wait(ctx, steadyFor)
}

// unchanged is what to go by where there was no time to look twice.
func (f *file) unchanged(found *finding) *finding {
	if f.seen != nil {
		return f.seen
	}
	return found
}

func readOnce(path string) *finding {
	s, err := stampOf(path)
	if err != nil {
		return &finding{err: err}
	}
	if s.mode&unix.S_IFMT != unix.S_IFREG { // opening a pipe would wait for a writer
		return &finding{stamp: s, err: fmt.Errorf("%s is no file", path)}
	}
	text, err := readAtMost(path)
	return &finding{stamp: s, text: text, err: err}
}

func readAtMost(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(f, mostBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if len(text) > mostBytes {
		return nil, fmt.Errorf("%s has more than %d bytes", path, mostBytes)
	}
	return text, nil
}

func stampOf(path string) (stamp, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		if errors.Is(err, unix.ENOENT) {
			return stamp{}, fmt.Errorf("there is no file %s", path)
		}
		return stamp{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return stamp{st.Dev, st.Ino, st.Size, st.Mtim, st.Ctim, st.Mode}, nil
}
