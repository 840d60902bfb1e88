package blob

import "io"

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
