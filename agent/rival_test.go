package agent

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

func TestRivalOf(t *testing.T) {
	now := time.Unix(1000, 0)
	beat := func(ago time.Duration) scheduler.AgentSeen {
		return scheduler.AgentSeen{Epoch: 7, Beat: now.Add(-ago), Now: now}
	}
	const fresh = 15 * time.Second
	for name, tt := range map[string]struct {
		seen  scheduler.AgentSeen
		own   uint64
		first time.Time
		want  rival
	}{
		"nobody ever":                 {scheduler.AgentSeen{Now: now}, 0, time.Time{}, rivalNone},
		"this folder's own":           {beat(0), 7, time.Time{}, rivalNone},
		"another's, at first":         {beat(time.Second), 6, time.Time{}, rivalFresh},
		"another's, in a new folder":  {beat(time.Second), 0, time.Time{}, rivalFresh},
		"no new heartbeat":            {beat(6 * time.Second), 6, now.Add(-6 * time.Second), rivalFresh},
		"a new heartbeat":             {beat(time.Second), 6, now.Add(-6 * time.Second), rivalAlive},
		"silent":                      {beat(fresh), 6, now.Add(-fresh), rivalNone},
		"of a server that tells none": {scheduler.AgentSeen{Epoch: 7}, 6, time.Time{}, rivalNone},
	} {
		if got := rivalOf(tt.seen, tt.own, tt.first, fresh); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}
