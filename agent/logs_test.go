package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/scheduler"
)

// awayUntil is a server that keeps no piece before a moment.
type awayUntil struct {
	API

	back time.Time
	kept bytes.Buffer
}

func (a *awayUntil) PutLog(_ context.Context, _ scheduler.LeaseRef, _ int, _ int64, piece []byte) error {
	if time.Now().Before(a.back) {
		return errors.New("connection refused")
	}
	a.kept.Write(piece)
	return nil
}

// said is one line of a log.
type said struct {
	Message string
	Bytes   int64
	Away    float64 `json:"away_ms"`
}

func linesOf(t *testing.T, log *bytes.Buffer) (lines []said) {
	t.Helper()
	for d := json.NewDecoder(log); d.More(); {
		var line said
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

// A server that is away for less than five minutes is told of once for each job, and once more
// when the log goes on: after how long, and how much had waited.
func TestLogOfAServerThatIsAwayIsToldOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var log bytes.Buffer
		api := &awayUntil{back: time.Now().Add(5*time.Minute - time.Millisecond)}
		s := newLogShipper(api, scheduler.LeaseRef{Job: 5, Fence: 6}, 1, zerolog.New(&log))
		s.open(path)
		s.grow(6)
		ended := make(chan struct{})
		go func() { s.run(ctx); close(ended) }()
		sleep(ctx, 6*time.Minute)
		cancel()
		<-ended
		lines := linesOf(t, &log)
		if len(lines) != 2 || lines[1].Bytes != 6 || lines[1].Away != 300_000 || api.kept.String() != "hello\n" {
			t.Errorf("%d lines, kept %q; the last: %+v", len(lines), &api.kept, lines[len(lines)-1])
		}
	})
}

// That a job ends while the server is away is no end of that.
func TestLogThatWasNotSentIsNotToldAsSent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := newLogShipper(&awayUntil{back: time.Now().Add(time.Hour)}, scheduler.LeaseRef{Job: 5, Fence: 6}, 1, zerolog.New(&log))
		s.open(path)
		s.grow(6)
		s.flush(t.Context(), logPatience)
		if lines := linesOf(t, &log); len(lines) != 2 || lines[1].Message != "the end of the log could not be sent" {
			t.Errorf("%+v", lines)
		}
	})
}
