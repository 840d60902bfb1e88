package api

import (
	"testing"
	"time"
)

// TestPatience: what a reader may take, step by step, with a grace of 10 s and
// 100 bytes per second.
func TestPatience(t *testing.T) {
	t.Parallel()
	const s = time.Second
	type step struct {
		idle  time.Duration // nothing is written
		bytes int64
		took  time.Duration
		due   time.Duration // from the beginning of the write
	}
	for name, steps := range map[string][]step{
		"just fast enough":         {{bytes: 1000, took: 10 * s, due: 20 * s}, {bytes: 1000, took: 10 * s, due: 20 * s}},
		"uses the grace up":        {{bytes: 1000, took: 18 * s, due: 20 * s}, {bytes: 1000, took: 10 * s, due: 12 * s}, {bytes: 0, due: 2 * s}},
		"fast, saves nothing":      {{bytes: 1_000_000, took: s, due: 10_010 * s}, {bytes: 100, due: 11 * s}},
		"catches up by bytes":      {{bytes: 0, took: 9 * s, due: 10 * s}, {bytes: 500, took: s, due: 6 * s}, {bytes: 0, due: 5 * s}},
		"an idle stream forgives":  {{bytes: 0, took: 9 * s, due: 10 * s}, {idle: 4 * s, bytes: 0, due: 5 * s}, {idle: time.Hour, bytes: 0, due: 10 * s}},
		"idle time is not granted": {{idle: time.Hour, bytes: 0, due: 10 * s}},
	} {
		p := patience{grace: 10 * s, perSecond: 100, left: 10 * s}
		now := time.Unix(1_000_000, 0)
		for i, step := range steps {
			now = now.Add(step.idle)
			if due := p.due(now, step.bytes).Sub(now); due != step.due {
				t.Errorf("%s, step %d: due after %s, want %s", name, i, due, step.due)
			}
			p.spend(now, now.Add(step.took), step.bytes)
			now = now.Add(step.took)
		}
	}
}
