package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
)

// WriteLog writes a piece of an attempt's log at offset and returns how long
// the log is then. A piece may be written again, and may overlap what is
// there: the bytes of an attempt at an offset are always the same. Errors:
// ErrGap, ErrTooLarge above limit.
func (f *Folder) WriteLog(_ context.Context, job int64, attempt int, offset int64, r io.Reader, limit int64) (int64, error) {
	file, err := f.root.OpenFile(logName(job, attempt), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("open a log: %w", err)
	}
	size, err := writeAt(file, offset, r, limit)
	return size, errors.Join(err, file.Close())
}

func writeAt(file *os.File, offset int64, r io.Reader, limit int64) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, fmt.Errorf("write a log: %w", err)
	}
	if offset > info.Size() {
		return info.Size(), ErrGap
	}
	if offset > limit {
		return info.Size(), ErrTooLarge
	}
	w := io.NewOffsetWriter(file, offset)
	n, err := io.Copy(w, &limited{r: r, left: limit - offset})
	return max(info.Size(), offset+n), err
}

// LogSize is the length of an attempt's log in bytes, 0 if there is none.
func (f *Folder) LogSize(_ context.Context, job int64, attempt int) (int64, error) {
	info, err := f.root.Stat(logName(job, attempt))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look at a log: %w", err)
	}
	return info.Size(), nil
}

// OpenLog opens the part of an attempt's log from byte from up to byte to.
// Errors: ErrNotFound.
func (f *Folder) OpenLog(_ context.Context, job int64, attempt int, from, to int64) (io.ReadCloser, error) {
	c, err := f.open(logName(job, attempt))
	if err != nil {
		return nil, err
	}
	return section{io.NewSectionReader(c, from, to-from), c}, nil
}

// section is a part of a file, and closes the file.
type section struct {
	io.Reader
	io.Closer
}

func logName(job int64, attempt int) string {
	return "logs/" + strconv.FormatInt(job, 10) + "." + strconv.Itoa(attempt)
}
