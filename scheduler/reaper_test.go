package scheduler

import (
	"testing"
	"time"
)

// TestReaperForgetsAnotherStore: a store that lost its last writes counts its
// revisions again, so that a version seen before the loss proves no silence
// after it.
func TestReaperForgetsAnotherStore(t *testing.T) {
	timing, slack := DefaultTiming(), clockSlack(DefaultTiming())
	began := time.Unix(1_800_000_000, 0)
	for _, identity := range []string{"a", "b"} {
		r := new(Reaper)
		r.observe("a", began, 0, slack)
		r.silent(evidence{"beat", 17, began}, began, 0, timing)

		// 80 s later the record has the same version. The store's clock has
		// jumped, so that only what the reaper saw itself can count.
		mono := 80 * time.Second
		now := began.Add(time.Hour)
		r.observe(identity, now, mono, slack)
		if got, want := r.silent(evidence{"beat", 17, began.Add(mono)}, now, mono, timing), identity == "a"; got != want {
			t.Errorf("store %s: silent %v, want %v", identity, got, want)
		}
	}
}
