package slot_test

import (
	"bytes"
	"os"
	"os/exec"
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
	ended := b.runFiles(call)
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	if ended.Result.Short != "8" {
		t.Errorf("it returned %q", ended.Result.Short)
	}
}

// callOfAnArray writes the call of a function that writes to its argument, an array
// that is not copied on its way.
const callOfAnArray = `
import sys
from mlq._pickle import CallWriter
def f(view):
    assert not view.readonly
    before = view[0]
    for at in range(0, len(view), 4096): view[at] = 7
    return [before, view[0], len(view)]
sys.stdout.buffer.write(b"".join(CallWriter(f, {}).write((memoryview(bytearray(b"x" * 300_000)),), {})))
`

// The file of a call lies in the host's cache for other jobs of the same call: what
// a job writes to an array that came in it is not written to the file.
func TestArrayOfACallIsTheJobsOwn(t *testing.T) {
	b := newBench(t)
	cmd := exec.Command(python, "-c", callOfAnArray)
	cmd.Env, cmd.Stderr = append(os.Environ(), "PYTHONPATH="+runnerDir), os.Stderr
	envelope, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(b.dir, "envelope")
	if err := os.WriteFile(path, envelope, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		// Open for writing too, which no call is: so a mapping that is shared could be written to.
		part, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		call, err := slot.CallFiles(slot.CallHeader{Kind: slot.CallEnvelope}, part)
		if err != nil {
			t.Fatal(err)
		}
		ended := b.runFiles(call)
		expect(t, ended, scheduler.OutcomeSucceeded, "", "")
		if want := "[120, 7, 300000]"; ended.Result.Short != want {
			t.Errorf("it returned %q, want %q", ended.Result.Short, want)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, envelope) {
			t.Errorf("the job has changed the file: %v", err)
		}
	}
}

// runFiles runs a call in files, closes them, and waits for the end.
func (b *bench) runFiles(call []*os.File) *slot.Ended {
	b.t.Helper()
	g := b.grant()
	if err := b.client.Go(g.Ref(), call...); err != nil {
		b.t.Fatal(err)
	}
	for _, f := range call {
		if err := f.Close(); err != nil {
			b.t.Error(err)
		}
	}
	ended := b.await(slot.EventEnded).Ended
	b.done(g)
	return ended
}
