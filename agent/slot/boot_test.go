package slot_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/mlq-dev/mlq/internal/boottime"
	"github.com/mlq-dev/mlq/scheduler"
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
	if s := b.client.State(); s.Ended == nil || s.Ended.Result == nil || s.Ended.Result.SHA256 != ended.Result.SHA256 {
		t.Fatalf("of a whole result: %+v", s.Ended)
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
		expect(t, b.client.State().Ended, scheduler.OutcomeLost, "", "the host was restarted")
		if b.client.State().Ended.Result != nil {
			t.Errorf("%s: a lost attempt has a result", what)
		}
		if err := os.WriteFile(ended.Result.Path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
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
	if err := os.WriteFile(journal, bytes.Replace(text, []byte(boot), []byte("another"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
}
