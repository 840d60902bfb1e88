package slot_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

// A part that is a file goes to the job as that file, without a copy; what the
// job makes of it in memory stays with the job.
func TestCallInFilesOfItsOwn(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(b.dir, "message")
	text := make([]byte, 300_000)
	for i := range text {
		text[i] = ' '
	}
	text[len(text)-1] = '7'
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	message, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	program, err := slot.CallPart([]byte("def f(msg): return msg + 1"))
	if err != nil {
		t.Fatal(err)
	}
	call, err := slot.CallFiles(slot.CallHeader{Kind: slot.CallSource, Function: "f", Filename: "job.py"}, program, message)
	if err != nil {
		t.Fatal(err)
	}
	g := b.grant()
	if err := b.client.Go(g.Ref(), call...); err != nil {
		t.Fatal(err)
	}
	for _, f := range call {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	ended := b.await(slot.EventEnded).Ended
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	if ended.Result.Short != "8" {
		t.Errorf("it returned %q", ended.Result.Short)
	}
}
