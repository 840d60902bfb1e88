package api

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/strictjson"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/internal/units"
)

// wantedChange reads {max_devices, max_queued, max_timeout, unix}. null takes a
// limit away.
func (s *Server) wantedChange(c *call) (change auth.Change, err error) {
	fields, err := s.readObject(c)
	if err != nil {
		return change, err
	}
	for _, f := range fields {
		switch f.Name {
		case "max_devices":
			change.MaxDevices, err = countField(f)
		case "max_queued":
			change.MaxQueued, err = countField(f)
		case "max_timeout":
			change.MaxTimeout, err = timeField(f)
		case "unix":
			change.Unix, err = textField(f)
		default:
			err = refuseField(Code(submission.CodeUnknownField), "/"+f.Name, "no such field; there are max_devices, max_queued, max_timeout, unix")
		}
		if err != nil {
			return change, err
		}
	}
	return change, nil
}

func isNull(f strictjson.Field) bool { return string(f.Raw) == "null" }

func countField(f strictjson.Field) (*int, error) {
	var n int
	if isNull(f) {
		return &n, nil
	}
	if err := json.Unmarshal(f.Raw, &n); err != nil || n < 1 {
		return nil, refuseField(CodeInvalidField, "/"+f.Name, fmt.Sprintf("%s: want a whole number of 1 or more, or null for no limit", f.Name))
	}
	return &n, nil
}

func timeField(f strictjson.Field) (*time.Duration, error) {
	var d time.Duration
	if isNull(f) {
		return &d, nil
	}
	var text string
	err := json.Unmarshal(f.Raw, &text)
	if err == nil {
		d, err = units.ParseDuration(text)
	}
	if err != nil || d < time.Second || d%time.Second != 0 {
		return nil, refuseField(CodeInvalidField, "/"+f.Name, f.Name+`: want a text as "2h" or "7d", of whole seconds and 1s or more, or null for no limit`)
	}
	return &d, nil
}

func textField(f strictjson.Field) (*string, error) {
	var text string
	if isNull(f) {
		return &text, nil
	}
	if err := json.Unmarshal(f.Raw, &text); err != nil || text == "" {
		return nil, refuseField(CodeInvalidField, "/"+f.Name, f.Name+": want a text, or null for none")
	}
	return &text, nil
}
