package slot_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/internal/boottime"
	"github.com/mlq-dev/mlq/internal/sealed"
	"github.com/mlq-dev/mlq/scheduler"
	"golang.org/x/sys/unix"
)

// Results are not synced: after the host was restarted, one that is whole still
// counts, and one with a hole means that the attempt is lost, and so repeated.
func TestResultAfterTheHostWasRestarted(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, "def f(msg): return b'x' * 100_000", 1))
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	b.killSlot()
	inAnotherBoot(t, filepath.Join(b.options.Dir, "attempt.jsonl"))
	b.start()
	if e := b.awaitEnd(); e.Result == nil || e.Result.SHA256 != ended.Result.SHA256 {
		t.Fatalf("of a whole result: %+v", e)
	}
	for what, damage := range map[string]func(path string) error{
		"with a hole": func(path string) error {
			file, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer file.Close()
			_, err = file.WriteAt(make([]byte, 4096), 50_000)
			return err
		},
		"cut short": func(path string) error { return os.Truncate(path, 0) },
		"gone":      os.Remove,
	} {
		whole, err := os.ReadFile(ended.Result.Path)
		if err != nil {
			t.Fatal(err)
		}
		b.killSlot()
		if err := damage(ended.Result.Path); err != nil {
			t.Fatal(err)
		}
		b.start()
		lost := b.awaitEnd()
		expect(t, lost, scheduler.OutcomeLost, "", "the host was restarted")
		if lost.Result != nil {
			t.Errorf("%s: a lost attempt has a result", what)
		}
		if err := os.WriteFile(ended.Result.Path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A result of many GiB is read for minutes before it counts: the slot answers
// meanwhile, and tells of the end when it knows it.
func TestSlotAnswersWhileItReadsAResult(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, "def f(msg): return 1", 1))
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	b.killSlot()
	inAnotherBoot(t, filepath.Join(b.options.Dir, "attempt.jsonl"))
	// A pipe without a writer is as slow as a file can be.
	if err := errors.Join(os.Remove(ended.Result.Path), unix.Mkfifo(ended.Result.Path, 0o600)); err != nil {
		t.Fatal(err)
	}
	b.start()
	s := b.client.State()
	if s.Attempt == nil || !s.Running || s.Ended != nil {
		t.Errorf("while it reads: %+v", s)
	}
	b.reconnect()
	pipe, err := os.OpenFile(ended.Result.Path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := pipe.Close(); err != nil {
		t.Error(err)
	}
	expect(t, b.awaitEnd(), scheduler.OutcomeLost, "", "the host was restarted")
	b.done(*s.Attempt)
	if e := b.run(source(t, "def f(msg): return 2", 1)); e.Result == nil || e.Result.Short != "2" {
		t.Errorf("the next job: %+v", e)
	}
}

// awaitEnd is the end of the attempt that a started slot has found.
func (b *bench) awaitEnd() *slot.Ended {
	b.t.Helper()
	if s := b.client.State(); s.Ended != nil {
		return s.Ended
	}
	return b.await(slot.EventEnded).Ended
}

// inAnotherBoot makes a journal one from before a restart of the host.
func inAnotherBoot(t *testing.T, journal string) {
	t.Helper()
	boot, err := boottime.ID()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Count(text, []byte(boot)) != 1 {
		t.Fatalf("the journal does not name the boot once: %s", text)
	}
	var other []byte
	for line := range bytes.Lines(text) {
		kept, err := sealed.UnsealLine(bytes.TrimSuffix(line, []byte{'\n'}))
		if err != nil {
			t.Fatal(err)
		}
		other = append(append(other, sealed.Line(bytes.Replace(kept, []byte(boot), []byte("another"), 1))...), '\n')
	}
	if err := os.WriteFile(journal, other, 0o600); err != nil {
		t.Fatal(err)
	}
}
