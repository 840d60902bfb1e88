package submission

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/mlq-dev/mlq/internal/units"
	"github.com/mlq-dev/mlq/scheduler"
)

func readGrace(p *Parsed, raw []byte) error {
	d, err := readDuration(raw, 0)
	if err != nil {
		return err
	}
	if d > time.Hour {
		return invalid("at most 1h")
	}
	p.Request.Grace = &d
	return nil
}

// readRunAt takes an RFC 3339 time with its zone, or Unix seconds.
func readRunAt(p *Parsed, raw []byte) error {
	const want = `want a time as "2026-11-24T08:00:00Z", or Unix seconds`
	if raw[0] != '"' {
		seconds, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || seconds < 0 || seconds > 1<<37 {
			return invalid(want)
		}
		whole, part := math.Modf(seconds)
		p.Request.RunAt = time.Unix(int64(whole), int64(part*1e9)).UTC()
		return nil
	}
	text, err := decode[string](raw, want)
	if err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Unix() < 0 {
		return invalid(want)
	}
	p.Request.RunAt = at.UTC()
	return nil
}

// readAfter takes one job id or a list of them.
func readAfter(p *Parsed, raw []byte) error {
	want := fmt.Sprintf("want a job id, or a list of at most %d", MaxAfter)
	raws := []json.RawMessage{raw}
	if raw[0] == '[' {
		var err error
		if raws, err = decode[[]json.RawMessage](raw, want); err != nil {
			return err
		}
	}
	if len(raws) > MaxAfter {
		return invalid(want)
	}
	ids := make([]scheduler.JobID, len(raws))
	for i, r := range raws {
		n, err := readInt(r, 1, math.MaxInt64)
		if err != nil {
			return invalid(want)
		}
		ids[i] = scheduler.JobID(n)
	}
	p.Request.After = ids
	return nil
}

func readDuration(raw []byte, least time.Duration) (time.Duration, error) {
	text := string(raw)
	if raw[0] == '"' {
		var err error
		if text, err = decode[string](raw, units.WantDuration); err != nil {
			return 0, err
		}
	} else if n, err := strconv.ParseFloat(text, 64); err == nil && n >= 0 {
		text = strconv.FormatFloat(n, 'f', -1, 64) // 1e3 is a fine JSON number
	}
	d, err := units.ParseDuration(text)
	if err != nil {
		return 0, invalid(err.Error())
	}
	if d < least {
		return 0, invalid("must be longer than 0; leave the field out for no limit")
	}
	return d, nil
}
