package slot

import (
	"testing"

	"github.com/mlq-dev/mlq/agent/isolation"
)

// Only a job whose own limit it was is told of its limit.
func TestStarved(t *testing.T) {
	const limit = 1 << 30
	for name, c := range map[string]struct {
		group  isolation.OOM
		known  bool
		limit  int64
		onHost int64
		want   starvation
	}{
		"its own limit":                      {isolation.OOM{Kills: 2, Limit: 1}, true, limit, 2, starvedOfOwn},
		"the host's, with room in its limit": {isolation.OOM{Kills: 1}, true, limit, 1, starvedOfHost},
		"the host's, without a limit":        {isolation.OOM{Kills: 1}, true, 0, 1, starvedOfHost},
		"another job's":                      {isolation.OOM{}, true, limit, 1, starvedOfNone},
		"near its limit, killed by hand":     {isolation.OOM{Limit: 1}, true, limit, 0, starvedOfNone},
		"its group is gone":                  {isolation.OOM{}, false, limit, 1, starvedOfEither},
		"its group is gone, and none killed": {isolation.OOM{}, false, limit, 0, starvedOfNone},
		"no group":                           {isolation.OOM{}, false, 0, 1, starvedOfHost},
		"no group, and none killed":          {isolation.OOM{}, false, 0, 0, starvedOfNone},
		"no group, and a count that is lost": {isolation.OOM{}, false, 0, -1, starvedOfNone},
	} {
		if got := starved(c.group, c.known, c.limit, c.onHost); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
