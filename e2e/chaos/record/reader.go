package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Record is all lines of a run, each kind in the order in which it was written.
type Record struct {
	World     World
	Ops       []Op
	Faults    []Fault
	Intervals []Interval
	Truth     []Truth
	Jobs      []Job
	Findings  []Finding
	Orphans   []Orphan
}

// Read reads the files of one run: what the world wrote, and what jobs wrote.
func Read(paths ...string) (*Record, error) {
	r := new(Record)
	for _, path := range paths {
		if err := r.file(path); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Record) file(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err == nil {
			err = r.add(line)
		} else if errors.Is(err, io.EOF) {
			err = errors.New("the last line is not whole")
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
}

// add takes in one line.
func (r *Record) add(line []byte) error {
	var head struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return err
	}
	switch head.Kind {
	case "world":
		return one(line, &r.World)
	case "op":
		return next(line, &r.Ops)
	case "fault":
		return next(line, &r.Faults)
	case Loss, Pause, Silent, Outage, Clock:
		return next(line, &r.Intervals)
	case Start, Beat, End:
		return next(line, &r.Truth)
	case "job":
		return next(line, &r.Jobs)
	case "finding":
		return next(line, &r.Findings)
	case "orphan":
		return next(line, &r.Orphans)
	}
	return fmt.Errorf("kind %q: there is no such line", head.Kind)
}

func next[L Line](line []byte, to *[]L) error {
	var l L
	if err := one(line, &l); err != nil {
		return err
	}
	*to = append(*to, l)
	return nil
}

// one reads a line strictly: a misspelt field would make the check blind.
func one[L Line](line []byte, to *L) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return err
	}
	if kindOf(*to) != "" {
		delete(fields, "kind")
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return d.Decode(to)
}
