package redisstore

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// read takes the parts of what a script answers, each as what it must be. An answer of
// another form comes from no server of ours: what became of the call is unknown.
func read(reply []any, into ...any) error {
	if len(reply) != len(into) {
		return fmt.Errorf("%w: an answer of %d parts, want %d", store.ErrUnavailable, len(reply), len(into))
	}
	for i, to := range into {
		ok := false
		switch to := to.(type) {
		case *int64:
			*to, ok = reply[i].(int64)
		case *string:
			*to, ok = reply[i].(string)
		}
		if !ok {
			return fmt.Errorf("%w: part %d of an answer is a %T", store.ErrUnavailable, i, reply[i])
		}
	}
	return nil
}

// records reads strings VERSION:BYTES. What may be a counter is no such record; what else does not
// begin so was damaged, as Redis has no sums.
func records(values []any) []store.Record {
	if len(values) == 0 {
		return nil
	}
	out := make([]store.Record, len(values))
	for i, v := range values {
		s, _ := v.(string)
		version, value, isRecord := strings.Cut(s, ":")
		if n, err := strconv.ParseUint(version, 10, 64); isRecord && err == nil {
			out[i] = store.Record{Value: []byte(value), Version: n}
		} else if s != "" && !isCounter(s) {
			out[i] = store.Record{Value: []byte(s), Version: store.DamagedVersion}
		}
	}
	return out
}

// isCounter says what commit.lua does: digits, or shorter than the longest counter and without
// the colon of a record, as a damaged counter may be.
func isCounter(s string) bool {
	head := s[:min(len(s), counterDigits)]
	return strings.Trim(head, "-0123456789") == "" || len(s) < counterDigits && !strings.Contains(s, ":")
}

// counterDigits is more than a counter has, with its sign.
const counterDigits = 17

// counters reads integers; an absent one is 0.
func counters(values []any) []int64 {
	if len(values) == 0 {
		return nil
	}
	out := make([]int64, len(values))
	for i, v := range values {
		s, _ := v.(string)
		out[i], _ = strconv.ParseInt(s, 10, 64)
	}
	return out
}

func entries(messages []redis.XMessage) ([]store.Entry, error) {
	var out []store.Entry
	for _, m := range messages {
		id, err := entryID(m.ID)
		if err != nil {
			return nil, err
		}
		value, _ := m.Values["v"].(string)
		out = append(out, store.Entry{ID: id, Value: []byte(value)})
	}
	return out, nil
}

func entryID(s string) (id store.EntryID, err error) {
	revision, seq, _ := strings.Cut(s, "-")
	if id.Revision, err = strconv.ParseUint(revision, 10, 64); err != nil {
		return id, fmt.Errorf("log entry %q: %w", s, err)
	}
	n, err := strconv.ParseUint(seq, 10, 32)
	if err != nil {
		return id, fmt.Errorf("log entry %q: %w", s, err)
	}
	id.Seq = uint32(n)
	return id, nil
}
