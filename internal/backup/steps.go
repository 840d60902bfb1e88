package backup

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Writer writes the steps of a snapshot.
type Writer struct {
	zip   *gzip.Writer
	lines *json.Encoder
	steps int
}

// NewWriter writes to w.
func NewWriter(w io.Writer) *Writer {
	zip, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // fails for other levels only
	return &Writer{zip: zip, lines: json.NewEncoder(zip)}
}

// Add writes one step.
func (w *Writer) Add(op store.Op) error {
	w.steps++
	return w.lines.Encode(op)
}

// End writes the last line.
func (w *Writer) End(e End) error {
	e.Op, e.Steps = "end", w.steps
	return errors.Join(w.lines.Encode(e), w.zip.Close())
}

// Reader reads the steps of a snapshot.
type Reader struct {
	lines *bufio.Reader
	steps int
	// End is what the last line says, once Next has given io.EOF.
	End End
}

// NewReader reads from r. Errors: ErrDamaged.
func NewReader(r io.Reader) (*Reader, error) {
	zip, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("%w: the snapshot: %w", ErrDamaged, err)
	}
	return &Reader{lines: bufio.NewReaderSize(zip, 256<<10)}, nil
}

// Next gives the next step, and io.EOF behind the last one. A snapshot that
// ends before its last line is ErrDamaged.
func (r *Reader) Next() (op store.Op, err error) {
	line, err := r.lines.ReadBytes('\n')
	if err != nil {
		return op, fmt.Errorf("%w: the snapshot is cut off after %d steps", ErrDamaged, r.steps)
	}
	if err := json.Unmarshal(line, &op); err != nil {
		return op, fmt.Errorf("%w: step %d of the snapshot: %w", ErrDamaged, r.steps, err)
	}
	if op.Kind == "end" {
		if err := json.Unmarshal(bytes.TrimSpace(line), &r.End); err != nil || r.End.Steps != r.steps {
			return op, fmt.Errorf("%w: the snapshot has %d steps, and says %d", ErrDamaged, r.steps, r.End.Steps)
		}
		return op, io.EOF
	}
	r.steps++
	return op, nil
}
