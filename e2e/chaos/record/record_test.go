package record_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// TestRoundTrip writes each kind of line, by many at once, and reads them back.
func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	w, err := record.Append(path)
	if err != nil {
		t.Fatal(err)
	}
	want := &record.Record{
		World:     record.World{Seed: 7, Scale: 20, BootNS: 5, UnixNS: 6, RecoveryNS: 7, PauseGraceNS: 8, BelieveNS: 9},
		Ops:       []record.Op{{Client: "c1", Op: record.Submit, CallNS: 1, Unknown: true, Name: "a", Fence: 1<<63 + 1}},
		Faults:    []record.Fault{{ID: 1, Fault: "F3", Step: record.Inject, Target: "h1", AtNS: 3}},
		Intervals: []record.Interval{{Kind: record.Loss, FromNS: 1, ToNS: 2}, {Kind: record.Clock, Host: "redis-a", FromNS: 1, ToNS: 2, OffsetNS: -3}},
		Truth:     []record.Truth{{Kind: record.Start, Job: 53, Attempt: 1, Fence: 9, Device: "d", Host: "h1", BootNS: 4}},
		Jobs:      []record.Job{{ID: 53, State: "succeeded", Attempts: []record.Attempt{{N: 1, Fence: 9, Devices: []string{"d"}}}}},
		Findings:  []record.Finding{{Text: "a stray"}},
		Orphans:   []record.Orphan{{What: "pid 5"}},
	}
	err = firstError(
		record.Write(w, want.World), record.Write(w, want.Ops[0]), record.Write(w, want.Faults[0]), record.Write(w, want.Intervals[0]),
		record.Write(w, want.Intervals[1]), record.Write(w, want.Truth[0]), record.Write(w, want.Jobs[0]), record.Write(w, want.Findings[0]),
		record.Write(w, want.Orphans[0]),
	)
	if err != nil {
		t.Fatal(err)
	}
	fault := want.Faults[0]
	var wg sync.WaitGroup
	for range 8 {
		want.Faults = append(want.Faults, want.Faults[0])
		wg.Go(func() {
			if err := record.Write(w, fault); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := record.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestBadLines: what cannot be understood is refused, with its place.
func TestBadLines(t *testing.T) {
	for name, c := range map[string]struct{ line, want string }{
		"a kind that is none":    {`{"kind":"opp"}` + "\n", `:1: kind "opp"`},
		"a field that is none":   {`{"kind":"start","jobb":5}` + "\n", `unknown field "jobb"`},
		"not JSON":               {"{\n", ":1: "},
		"a line that was cut":    {`{"kind":"orphan","what":"x"}`, "not whole"},
		"a fence that is a word": {`{"kind":"start","fence":"x"}` + "\n", "fence"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "run.jsonl")
			if err := os.WriteFile(path, []byte(c.line), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := record.Read(path)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
