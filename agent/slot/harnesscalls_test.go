package slot_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

// source is a call of the function f in this source, on msg.
func source(t testing.TB, text string, msg any) *os.File {
	t.Helper()
	data, err := json.Marshal(msg)
	if err != nil {
		t.Fatal(err)
	}
	call, err := slot.CallFile(slot.CallHeader{Kind: slot.CallSource, Function: "f", Filename: "job.py"},
		[]byte(text), data)
	if err != nil {
		t.Fatal(err)
	}
	return call
}

func command(t testing.TB, cwd string, argv ...string) *os.File {
	t.Helper()
	data, err := json.Marshal(argv)
	if err != nil {
		t.Fatal(err)
	}
	call, err := slot.CallFile(slot.CallHeader{Kind: slot.CallCommand, Cwd: cwd}, data)
	if err != nil {
		t.Fatal(err)
	}
	return call
}

// view reads the part of a spooled result that HTTP shows.
func view(t testing.TB, ended *slot.Ended) string {
	t.Helper()
	if ended.Result == nil {
		t.Fatalf("no result: %+v", ended)
	}
	data, err := os.ReadFile(ended.Result.Path)
	if err != nil {
		t.Fatal(err)
	}
	h, err := envelope.ParseAll(data)
	if err != nil {
		t.Fatal(err)
	}
	frame, ok := h.Frame("view")
	if !ok {
		t.Fatalf("result of kind %s %s has no view: %s", h.Kind, h.Type, h.Message)
	}
	return string(data[frame.Offset : frame.Offset+frame.Size])
}

// failure reads the header of a spooled error.
func failure(t testing.TB, ended *slot.Ended) *envelope.Header {
	t.Helper()
	if ended.Result == nil {
		t.Fatalf("no error envelope: %+v", ended)
	}
	data, err := os.ReadFile(ended.Result.Path)
	if err != nil {
		t.Fatal(err)
	}
	h, err := envelope.ParseAll(data)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func logOf(t testing.TB, ended *slot.Ended) string {
	t.Helper()
	data, err := os.ReadFile(ended.Log)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// expect compares how an attempt ended.
func expect(t testing.TB, e *slot.Ended, outcome scheduler.Outcome, reason scheduler.Reason, detail string) {
	t.Helper()
	if e.Outcome != outcome || e.Reason != reason || !strings.Contains(e.Detail, detail) {
		t.Fatalf("ended %s/%s (%s), want %s/%s (…%s…); all: %+v",
			e.Outcome, e.Reason, e.Detail, outcome, reason, detail, e)
	}
}
