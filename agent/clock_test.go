package agent

import (
	"testing"
	"time"
)

func TestAheadOf(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		ahead, took, want time.Duration
	}{
		{0, 0, 0},
		{2 * time.Second, 0, 0},
		{-2 * time.Second, 0, 0},
		{2100 * time.Millisecond, 0, 2 * time.Second},
		{time.Hour, 0, time.Hour},
		{-time.Hour, 0, -time.Hour},
		{time.Hour, 100 * time.Millisecond, time.Hour},
		{3 * time.Second, 4 * time.Second, 0}, // the answer may have come at once or only just now
		{5 * time.Second, 4 * time.Second, 5 * time.Second},
	} {
		// The store's time is from the middle of the call.
		got := aheadOf(noon.Add(c.ahead), c.took, noon.Add(c.took/2))
		if got != c.want {
			t.Errorf("%v ahead, answered within %v: got %v, want %v", c.ahead, c.took, got, c.want)
		}
	}
}
