package scheduler

import (
	"testing"
	"time"
)

// TestOverslept: which scheduled jobs wait for longer than they may, after a clock was set back.
func TestOverslept(t *testing.T) {
	t.Parallel()
	timing, now := DefaultTiming(), time.Unix(1_800_000_000, 0)
	far, attempts := now.Add(time.Hour), make([]Attempt, 1)
	for name, c := range map[string]struct {
		job   Job
		pause time.Duration
		is    bool
	}{
		"a retry":                           {Job{ID: 1, State: Scheduled, QueuedAt: far, NotBefore: far, Attempts: attempts, Failures: 1}, backoff(timing, 1, 1), true},
		"a retry in time":                   {Job{ID: 1, State: Scheduled, QueuedAt: now, NotBefore: now.Add(backoff(timing, 1, 1)), Attempts: attempts, Failures: 1}, backoff(timing, 1, 1), false},
		"a message that was given back":     {Job{State: Scheduled, QueuedAt: far, NotBefore: far, Attempts: attempts, Message: true}, 0, true},
		"a message that was never claimed":  {Job{State: Scheduled, QueuedAt: far, NotBefore: far, Message: true}, 0, true},
		"a message that is looked at now":   {Job{State: Scheduled, QueuedAt: now, NotBefore: now, Message: true}, 0, false},
		"a job for a time that a user said": {Job{State: Scheduled, NotBefore: far}, 0, false},
		"a job that waits for others":       {Job{State: Scheduled}, 0, false},
		"a job that is queued":              {Job{State: Queued, QueuedAt: far}, 0, false},
	} {
		if pause, is := c.job.overslept(now, timing); is != c.is || is && pause != c.pause {
			t.Errorf("%s: %s, %t", name, pause, is)
		}
	}
}
