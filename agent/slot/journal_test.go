package slot

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

func openTestJournal(t *testing.T, dir string) *journal {
	t.Helper()
	j, err := openJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.close)
	return j
}

// reload is what a slot finds that was restarted.
func reload(t *testing.T, dir string) (*record, *Ended) {
	t.Helper()
	r, e, err := openTestJournal(t, dir).load()
	if err != nil {
		t.Fatal(err)
	}
	return r, e
}

func TestJournalTellsWhatWasNoted(t *testing.T) {
	dir := t.TempDir()
	j := openTestJournal(t, dir)
	if r, e := reload(t, dir); r != nil || e != nil {
		t.Fatalf("a new journal has %v, %v", r, e)
	}
	for job := scheduler.JobID(1); job <= 2; job++ {
		if err := j.begin(record{Grant: Grant{Job: job, Fence: 7}, Boot: "b"}); err != nil {
			t.Fatal(err)
		}
		if r, e := reload(t, dir); r == nil || r.Grant.Job != job || r.Boot != "b" || e != nil {
			t.Fatalf("begun: %+v, %+v", r, e)
		}
		if err := j.end(&Ended{Outcome: scheduler.OutcomeFailed, Detail: "line 1\nline 2"}); err != nil {
			t.Fatal(err)
		}
		if r, e := reload(t, dir); r == nil || r.Grant.Job != job || e == nil || e.Detail != "line 1\nline 2" {
			t.Fatalf("ended: %+v, %+v", r, e)
		}
	}
	if err := j.clear(); err != nil {
		t.Fatal(err)
	}
	if r, e := reload(t, dir); r != nil || e != nil {
		t.Fatalf("cleared: %v, %v", r, e)
	}
}

// What a slot of a later build left is not read as if it were our own.
func TestJournalOfALaterBuild(t *testing.T) {
	dir := t.TempDir()
	line := fmt.Sprintf(`{"protocol":%d,"grant":{"job":"another type"},"boot":"b"}`+"\n", Protocol+1)
	if err := os.WriteFile(filepath.Join(dir, journalFile), []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := openTestJournal(t, dir).load()
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("slot protocol %d, and this mlq knows those up to %d", Protocol+1, Protocol)) {
		t.Errorf("%v", err)
	}
	if err != nil && strings.Contains(err.Error(), "remove the file") {
		t.Errorf("two orders, of which one forgets the attempt: %v", err)
	}
}

// A slot can be killed while it writes: at every byte, the journal tells of
// what was whole before. A line lacks nothing whose end alone is missing.
func TestJournalThatWasCut(t *testing.T) {
	dir := t.TempDir()
	j := openTestJournal(t, dir)
	if err := j.begin(record{Grant: Grant{Job: 1}}); err != nil {
		t.Fatal(err)
	}
	first := journalSize(t, dir)
	if err := j.end(&Ended{Outcome: scheduler.OutcomeSucceeded}); err != nil {
		t.Fatal(err)
	}
	all := journalSize(t, dir)
	for size := all - 1; size >= 0; size-- {
		if err := os.Truncate(filepath.Join(dir, journalFile), size); err != nil {
			t.Fatal(err)
		}
		r, e := reload(t, dir)
		if (e != nil) != (size == all-1) || (r != nil) != (size >= first-1) {
			t.Fatalf("cut at %d of %d: %v, %v", size, first, r, e)
		}
	}
}

func journalSize(t *testing.T, dir string) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, journalFile))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// A byte that is another is never believed, and no attempt is forgotten for it: the journal says
// which processes are killed, and how a job ended.
func TestJournalWithAFlippedByte(t *testing.T) {
	for _, ended := range []*Ended{nil, {Outcome: scheduler.OutcomeSucceeded}} {
		dir := t.TempDir()
		j := openTestJournal(t, dir)
		if err := j.begin(record{Grant: Grant{Job: 17}, Boot: "b"}); err != nil {
			t.Fatal(err)
		}
		if ended != nil {
			if err := j.end(ended); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, journalFile)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := range whole {
			b := bytes.Clone(whole)
			b[at] ^= 1
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			r, e, err := openTestJournal(t, dir).load()
			switch {
			case err != nil && strings.Contains(err.Error(), path):
			case err == nil && r != nil && r.Grant.Job == 17 && r.Boot == "b" && (e == nil) == (ended == nil) && (e == nil || e.Outcome == ended.Outcome):
			default:
				t.Errorf("byte %d of %d: %+v, %+v, %v", at, len(whole), r, e, err)
			}
		}
	}
}
