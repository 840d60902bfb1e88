package agent

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

// lostBlob is a server that has lost a result, and does not take it again.
type lostBlob struct {
	Scheduler
	API

	ended scheduler.Finish
}

func (l *lostBlob) Finish(_ context.Context, _ scheduler.LeaseRef, f scheduler.Finish) (scheduler.Job, error) {
	if f.Result.SHA256 != "" {
		return scheduler.Job{}, scheduler.ErrBlobMissing
	}
	l.ended = f
	return scheduler.Job{}, nil
}

func (l *lostBlob) PutBlob(context.Context, string, int64, io.ReaderAt) error {
	return fmt.Errorf("%w: too large", ErrRefused)
}

// TestResultThatIsLostAndRefused: a job whose result the server lost, and takes no more, ends as
// failed, and does not keep its device by asking for ever.
func TestResultThatIsLostAndRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "result")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		server := &lostBlob{}
		a := &Agent{opts: Options{Log: zerolog.Nop(), Scheduler: server, API: server}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		job := a.newAttempt(ctx, &link{}, scheduler.LeaseRef{Job: 1, Fence: 1}, 1, nil)
		job.end = &slot.Ended{Result: &slot.Result{Path: path, SHA256: "5e", Size: scheduler.InlineLimit + 1}}
		job.verdict = verdict{kind: finish, finish: scheduler.Finish{
			Outcome: scheduler.OutcomeSucceeded, Result: scheduler.Result{SHA256: "5e"},
		}}
		told := job.tell(ctx)
		if e := server.ended; !told || e.Outcome != scheduler.OutcomeFailed || e.Reason != scheduler.ReasonRejected {
			t.Errorf("told %v: %+v", told, e)
		}
	})
}
