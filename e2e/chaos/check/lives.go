package check

import (
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// life is one attempt as its own process told of it: from its start to its last
// line. What was killed ended within a beat of that.
type life struct {
	job      int64
	attempt  int
	fence    uint64
	host     string
	devices  []string
	from, to int64
	ended    bool // it came to its end
	value    string
}

func (l *life) String() string {
	return fmt.Sprintf("attempt %d (fence %d) on %s %v from %d to %d", l.attempt, l.fence, l.host, l.devices, l.from, l.to)
}

// livesOf puts the lines of each attempt together. Lines that no start precedes
// are a life of their own: nothing that ran is left out.
func livesOf(truth []record.Truth) map[int64][]*life {
	type key struct {
		job   int64
		fence uint64
		host  string
	}
	lines := slices.Clone(truth)
	slices.SortStableFunc(lines, func(a, b record.Truth) int { return int(a.BootNS - b.BootNS) })
	last := map[key]*life{}
	out := map[int64][]*life{}
	for _, t := range lines {
		k := key{t.Job, t.Fence, t.Host}
		l := last[k]
		// A second start on the same device: the same fence was given out again.
		if l == nil || t.Kind == record.Start && slices.Contains(l.devices, t.Device) {
			l = &life{job: t.Job, attempt: t.Attempt, fence: t.Fence, host: t.Host, from: t.BootNS}
			last[k], out[t.Job] = l, append(out[t.Job], l)
		}
		if !slices.Contains(l.devices, t.Device) {
			l.devices = append(l.devices, t.Device)
		}
		l.to = t.BootNS
		if t.Kind == record.End {
			l.ended, l.value = true, t.Value
		}
	}
	for _, lives := range out {
		slices.SortFunc(lives, byStart)
	}
	return out
}
