package record

import (
	"encoding/json"
	"fmt"
	"os"
)

// Writer appends lines to a file. It may be used by several goroutines, and the
// file by several processes: each line is one write.
type Writer struct {
	file *os.File
	path string
}

// Append opens a record, and makes it if there is none.
func Append(path string) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	return &Writer{file: f, path: path}, nil
}

// Close closes the file.
func (w *Writer) Close() error { return w.file.Close() }

// Line is one of the types that a record consists of.
type Line interface {
	World | Op | Fault | Interval | Truth | Job | Finding | Orphan
}

// Write appends one line.
func Write[L Line](w *Writer, line L) error {
	text, err := encode(line)
	if err != nil {
		return err
	}
	if _, err := w.file.Write(text); err != nil {
		return fmt.Errorf("record %s: %w", w.path, err)
	}
	return nil
}

// encode puts the kind in front, where the line has none of its own.
func encode(line any) ([]byte, error) {
	body, err := json.Marshal(line)
	if err != nil {
		return nil, err
	}
	if kind := kindOf(line); kind != "" {
		body = append(fmt.Appendf(nil, `{"kind":%q,`, kind), body[1:]...)
	}
	return append(body, '\n'), nil
}

func kindOf(line any) string {
	switch line.(type) {
	case World:
		return "world"
	case Op:
		return "op"
	case Fault:
		return "fault"
	case Job:
		return "job"
	case Finding:
		return "finding"
	case Orphan:
		return "orphan"
	}
	return "" // Interval and Truth name their kinds themselves
}
