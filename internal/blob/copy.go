package blob

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// earlyEvery is how many bytes are written before the disk is told to begin.
const earlyEvery = 8 << 20

// counter counts what was read.
type counter struct {
	r io.Reader
	n int64
}

// Read reads and counts.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// Limit is r, but reading more than n bytes of it fails with ErrTooLarge.
func Limit(r io.Reader, n int64) io.Reader { return &limited{r: r, left: n} }

// limited fails with ErrTooLarge where io.LimitReader would end as if complete.
type limited struct {
	r    io.Reader
	left int64
}

// Read reads at most one byte above the limit.
func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	if l.left < 0 {
		return n - 1, ErrTooLarge
	}
	return n, err
}

// plainWriter hides a file's ReadFrom, which would copy with a small buffer of
// its own.
type plainWriter struct{ w io.Writer }

// Write writes.
func (p plainWriter) Write(b []byte) (int, error) { return p.w.Write(b) }

// earlyWriter has the disk begin with what is written already, so that the sync
// at the end has not all of it left to do, and memory is not full of it.
type earlyWriter struct {
	file *os.File
	at   int64 // written
	told int64 // of these, the disk has begun with
}

// Write writes, and waits for the disk only where more is on its way to it than it takes.
func (w *earlyWriter) Write(b []byte) (int, error) {
	n, err := w.file.Write(b)
	w.at += int64(n)
	if w.at-w.told >= earlyEvery {
		// Only advice: a file system that does not know it syncs at the end.
		_ = unix.SyncFileRange(int(w.file.Fd()), w.told, w.at-w.told, unix.SYNC_FILE_RANGE_WRITE)
		w.told = w.at
	}
	return n, err
}
