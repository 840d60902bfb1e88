package agent

import "time"

// remindEvery is how often a trouble that goes on is told again, and maxTroubles of how
// many in turn it is known that they were told.
const (
	remindEvery = time.Minute
	maxTroubles = 8
)

// troubles are what goes wrong again and again, in words, with when each was told.
type troubles map[string]time.Time

// fresh reports whether these words are to be told now: they were not yet, or long ago.
func (t troubles) fresh(words string, now time.Time) bool { return t.due(words, remindEvery, now) }

// due is fresh with how long ago is long ago.
func (t troubles) due(words string, every time.Duration, now time.Time) bool {
	if at, told := t[words]; told && now.Sub(at) < every {
		return false
	}
	if len(t) >= maxTroubles {
		clear(t)
	}
	t[words] = now
	return true
}
