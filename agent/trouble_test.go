package agent

import (
	"fmt"
	"testing"
	"time"
)

func TestTroublesAreToldOnceAMinute(t *testing.T) {
	told, start := troubles{}, time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		words string
		after time.Duration
		want  bool
	}{
		{"away", 0, true},
		{"away", time.Second, false},
		{"refused", 2 * time.Second, true},
		{"away", 3 * time.Second, false}, // they alternate
		{"refused", 59 * time.Second, false},
		{"away", time.Minute, true},
		{"away", time.Minute + time.Second, false},
	} {
		if got := told.fresh(c.words, start.Add(c.after)); got != c.want {
			t.Errorf("%s after %s: told %v, want %v", c.words, c.after, got, c.want)
		}
	}
	for i := range 100 {
		if told.fresh(fmt.Sprint("port ", i), start) != true || len(told) > maxTroubles {
			t.Fatalf("%d remembered", len(told))
		}
	}
}
