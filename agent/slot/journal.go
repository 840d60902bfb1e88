package slot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/mlq-dev/mlq/internal/sealed"
)

const journalFile = "attempt.jsonl"

// journal is the memory of a slot that was killed: the record of its attempt
// and, in a second line, how that ended. It is empty where there is none. The
// file stays open and is only appended to and emptied, because each job waits
// for it; a line that was being written when the slot was killed counts as not
// written. It need not survive a loss of power: after one
// nothing that it tells of is alive.
//
// The slot's lock on its folder guards it: one process writes, first begin,
// then end, then clear.
type journal struct{ file *os.File }

func openJournal(dir string) (*journal, error) {
	name := filepath.Join(dir, journalFile)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	return &journal{f}, nil
}

// begin notes the attempt. What was there before is forgotten.
func (j *journal) begin(r record) error {
	if err := j.clear(); err != nil {
		return err
	}
	r.Protocol = Protocol
	return j.write(r)
}

// end notes how the attempt ended.
func (j *journal) end(e *Ended) error { return j.write(e) }

// clear forgets the attempt.
func (j *journal) clear() error { return j.file.Truncate(0) }

func (j *journal) write(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode for %s: %w", journalFile, err)
	}
	_, err = j.file.Write(append(sealed.Line(line), '\n'))
	return err
}

// load gives what was noted: nil where there is no attempt, or no end of it.
func (j *journal) load() (*record, *Ended, error) {
	text, err := io.ReadAll(io.NewSectionReader(j.file, 0, 1<<62))
	if err != nil {
		return nil, nil, err
	}
	first, rest, whole := cutLine(text)
	if !whole {
		return nil, nil, nil
	}
	r := new(record)
	if first, err = sealed.UnsealLine(first); err == nil {
		err = readRecord(first, r)
	}
	if err != nil {
		return nil, nil, j.unreadable(err)
	}
	second, _, whole := cutLine(rest)
	if !whole {
		return r, nil, nil
	}
	e := new(Ended)
	if second, err = sealed.UnsealLine(second); err == nil {
		err = json.Unmarshal(second, e)
	}
	if err != nil {
		return nil, nil, j.unreadable(err)
	}
	return r, e, nil
}

// cutLine gives the first line and what follows it. A last one without its end was being written
// when the slot was killed, unless its seal fits: then its end alone is missing, or another byte.
func cutLine(text []byte) (line, rest []byte, whole bool) {
	line, rest, whole = bytes.Cut(text, []byte{'\n'})
	if n := len(line); !whole && n > 0 {
		switch {
		case isSealed(line):
			return line, nil, true
		case isSealed(line[:n-1]):
			return line[:n-1], nil, true
		}
	}
	return line, rest, whole
}

func isSealed(line []byte) bool {
	text, err := sealed.UnsealLine(line)
	return err == nil && len(text) < len(line)
}

// errLater: who wrote it is there to be started again.
var errLater = errors.New("start the later mlq again, which ends what is noted there")

// unreadable: nobody knows what may still run on the device.
func (j *journal) unreadable(err error) error {
	if errors.Is(err, errLater) {
		return fmt.Errorf("%s cannot be read: %w", j.file.Name(), err)
	}
	return fmt.Errorf("%s cannot be read: %w. If nothing of a job runs on the device any more, remove the file", j.file.Name(), err)
}

// readRecord refuses what a later build wrote: it may mean something else.
func readRecord(line []byte, r *record) error {
	var by struct {
		Protocol int `json:"protocol"`
	}
	if err := json.Unmarshal(line, &by); err != nil {
		return err
	}
	if by.Protocol > Protocol {
		return fmt.Errorf("it has slot protocol %d, and this mlq knows those up to %d: %w", by.Protocol, Protocol, errLater)
	}
	return json.Unmarshal(line, r)
}

func (j *journal) close() { j.file.Close() }
