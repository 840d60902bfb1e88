package scheduler

import (
	"encoding/json"
	"fmt"
	"time"
)

// Records are compact JSON: short names, nothing that is its default, times in
// whole microseconds since 1970. A queued job of defaults takes about 60 bytes.

// stamp and unstamp turn times into microseconds and back; 0 is the zero time.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func unstamp(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

// encode gives the JSON of one of this package's record types. They hold
// nothing that JSON cannot say, so that a failure is a bug of this package.
func encode(record any) []byte {
	b, err := json.Marshal(record)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", record, err))
	}
	return b
}

// decode reads a record; an absent one leaves v as it is.
func decode(key string, b []byte, v any) error {
	if len(b) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("decode %s: %w", key, err)
	}
	return nil
}
