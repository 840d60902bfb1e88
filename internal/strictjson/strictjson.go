// Package strictjson checks a JSON document in one pass, without building it,
// and splits its outermost object into fields.
//
// It is stricter than encoding/json, which takes duplicate fields, fields in
// another case, invalid UTF-8 and any depth: two readers of such a document
// (this server, the Python that runs the job) could see two different jobs.
package strictjson

import (
	"fmt"
	"strconv"
	"strings"
)

// Field is one member of an object.
type Field struct {
	Name string
	Raw  []byte // the value as written, a part of the document
}

// Error says what is wrong with a document, and where.
type Error struct {
	Offset  int    // bytes from the start of the document
	Pointer string // RFC 6901, "" for the document itself
	Detail  string // in words
	// NotFinite: the value is NaN or an infinity, which JSON does not have.
	NotFinite bool
	// Duplicate: the field stands twice in one object.
	Duplicate bool
}

// Error gives the place and the detail.
func (e *Error) Error() string {
	return fmt.Sprintf("%s (byte %d)", e.Detail, e.Offset)
}

// Object checks that doc is exactly one JSON object, no deeper than maxDepth,
// and returns its fields in order.
func Object(doc []byte, maxDepth int) ([]Field, error) {
	s := &scanner{doc: doc, maxDepth: maxDepth}
	s.space()
	if s.peek() != '{' {
		return nil, s.fail("want a JSON object")
	}
	fields := make([]Field, 0, 8)
	err := s.object(func(name string, raw []byte) { fields = append(fields, Field{name, raw}) })
	if err != nil {
		return nil, err
	}
	return fields, s.end()
}

// Array splits an array that Object has already checked into its elements.
func Array(raw []byte) ([][]byte, error) {
	s := &scanner{doc: raw, maxDepth: len(raw)}
	s.space()
	if s.peek() != '[' {
		return nil, s.fail("want an array")
	}
	var elements [][]byte
	err := s.array(func(raw []byte) { elements = append(elements, raw) })
	if err != nil {
		return nil, err
	}
	return elements, s.end()
}

// step is one part of the path to the value that is being read.
type step struct {
	key   string
	index int // of an array's element where key is not used
	array bool
}

// pointer writes a path as an RFC 6901 JSON pointer.
func pointer(path []step) string {
	var b strings.Builder
	for _, p := range path {
		b.WriteByte('/')
		if p.array {
			b.WriteString(strconv.Itoa(p.index))
			continue
		}
		b.WriteString(EscapePointer(p.key))
	}
	return b.String()
}

// EscapePointer writes a field's name as one part of a JSON pointer.
func EscapePointer(name string) string {
	name = strings.ReplaceAll(name, "~", "~0")
	return strings.ReplaceAll(name, "/", "~1")
}
