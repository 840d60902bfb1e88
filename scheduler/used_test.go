package scheduler

import (
	"testing"
	"time"
)

// TestAttemptsOverSeveralDays: each day gets its time, the last one the end.
func TestAttemptsOverSeveralDays(t *testing.T) {
	begin := time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)
	u := used{
		User: "ana", Host: "a", Devices: []string{"x", "y"}, Ended: Failed,
		From: stamp(begin), To: stamp(begin.Add(27*time.Hour + 30*time.Minute)), // to 1:30 on the third
	}
	days := make(map[int64]usageDay)
	u.spread(days, 0)
	for i, want := range []Used{
		{Held: 4 * time.Hour},
		{Held: 48 * time.Hour},
		{Held: 3 * time.Hour, Attempts: 1, Jobs: 1, Failed: 1, Longest: 27*time.Hour + 30*time.Minute},
	} {
		day := dayOf(begin) + int64(i)
		if got := days[day].Users["ana"]; got != want {
			t.Errorf("day %d: %+v, want %+v", i, got, want)
		}
		if got := days[day].Hosts["a"]; got != want {
			t.Errorf("day %d of the host: %+v, want %+v", i, got, want)
		}
		want.Held /= 2
		if got := days[day].Devices["a y"]; got != want {
			t.Errorf("day %d of a device: %+v, want %+v", i, got, want)
		}
	}
	later := make(map[int64]usageDay)
	u.spread(later, dayOf(begin)+2)
	if len(later) != 1 || later[dayOf(begin)+2].Users["ana"].Held != 3*time.Hour {
		t.Errorf("since the third day: %+v", later)
	}
}

// TestHoursAreClosedLate: a log is dropped when nothing can come to it any more,
// and days after 400 of them.
func TestHoursAreClosedLate(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
	f := folding{done: usageDone{Hour: hourOf(now) - 3, At: map[int64][2]uint64{hourOf(now) - 3: {7, 1}, hourOf(now): {9, 0}}}}
	if n := f.close(now); n != 2 || f.done.Hour != hourOf(now)-1 || len(f.done.At) != 1 {
		t.Errorf("closed %d: %+v", n, f.done)
	}
	f = folding{done: usageDone{Hour: hourOf(now) - 3}, full: true}
	if n := f.close(now); n != 0 {
		t.Errorf("closed %d while entries are left", n)
	}
}
