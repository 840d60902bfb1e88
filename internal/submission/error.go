package submission

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/strictjson"
)

// Code says what kind of mistake a body has; the HTTP layer gives each a status.
type Code string

// The codes of submissions.
const (
	CodeMediaType      Code = "unsupported-media-type"
	CodeBadJSON        Code = "bad-json"
	CodeUnknownField   Code = "unknown-field"
	CodeDuplicateField Code = "duplicate-field"
	CodeInvalidField   Code = "invalid-field"
	CodeReservedEnv    Code = "reserved-env"
	CodeTooLarge       Code = "too-large"
	CodeBadEnvelope    Code = "bad-envelope"
)

// Error is a refusal of a body: what is wrong, where, and what would be right.
// Its texts never repeat values that were sent.
type Error struct {
	Code    Code
	Pointer string // RFC 6901, "" where it is the whole body
	Detail  string
}

// Error gives pointer and detail.
func (e *Error) Error() string {
	if e.Pointer == "" {
		return e.Detail
	}
	return e.Pointer + ": " + e.Detail
}

func invalid(detail string) *Error { return &Error{Code: CodeInvalidField, Detail: detail} }

func at(name string) string { return "/" + strictjson.EscapePointer(name) }

// below puts the place of a part before the place within it.
func below(prefix string, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	moved := *e
	moved.Pointer = prefix + e.Pointer
	return &moved
}

func badEnvelope(err error) error {
	text := strings.TrimPrefix(err.Error(), envelope.ErrInvalid.Error()+": ")
	return &Error{Code: CodeBadEnvelope, Detail: text}
}

// badJSON translates an error of the scanner.
func badJSON(err error) error {
	var e *strictjson.Error
	if !errors.As(err, &e) {
		return &Error{Code: CodeBadJSON, Detail: err.Error()}
	}
	switch {
	case e.NotFinite:
		return &Error{Code: CodeInvalidField, Pointer: e.Pointer, Detail: e.Detail}
	case e.Duplicate:
		return &Error{Code: CodeDuplicateField, Pointer: e.Pointer, Detail: e.Detail}
	}
	return &Error{Code: CodeBadJSON, Pointer: e.Pointer, Detail: fmt.Sprintf("%s, at byte %d", e.Detail, e.Offset)}
}

func unknownField(name string) error {
	detail := "no such field"
	if near := cmp.Or(meant[strings.ToLower(name)], Nearest(name, FieldNames())); near != "" {
		detail += "; did you mean " + near + "?"
	}
	return &Error{Code: CodeUnknownField, Pointer: at(name), Detail: detail}
}

// meant are names that other queues have for fields, and people try.
var meant = map[string]string{
	"gpu_memory": "gpu_mem", "gpu_ram": "gpu_mem", "mem": "gpu_mem", "memory": "gpu_mem", "vram": "gpu_mem",
	"gpu_model": "gpu_type", "gpu_name": "gpu_type", "model": "gpu_type",
	"devices": "gpus", "gpu_count": "gpus", "n_gpus": "gpus", "ngpus": "gpus", "num_gpus": "gpus",
	"cc": "min_cc", "compute_capability": "min_cc", "hostname": "host", "node": "host", "nodelist": "host",
	"constraint": "labels", "conda": "python", "environment": "python", "venv": "python", "working_dir": "workdir", "chdir": "workdir",
	"time": "timeout", "time_limit": "timeout", "env": "env_vars", "depends_on": "after", "dependency": "after",
}

// Nearest finds the known name that was probably meant, or "".
func Nearest(name string, names []string) string {
	best, least := "", 3
	for _, known := range names {
		if strings.EqualFold(known, name) {
			return known
		}
		if d := distance(name, known); d < least && d < len(known) {
			best, least = known, d
		}
	}
	return best
}

// distance counts the single-byte edits between two short words; long ones
// are simply far apart.
func distance(a, b string) int {
	if len(a) > 32 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
