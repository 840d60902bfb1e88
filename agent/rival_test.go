package agent

import (
	"context"
	"testing"
	"time"

	"github.com/rs/zerolog"

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
		since time.Duration // it was found
		want  rival
	}{
		"nobody ever":                {scheduler.AgentSeen{Now: now}, 0, time.Time{}, 0, rivalNone},
		"this folder's own":          {beat(0), 7, time.Time{}, 0, rivalNone},
		"another's, at first":        {beat(time.Second), 6, time.Time{}, 0, rivalFresh},
		"another's, in a new folder": {beat(time.Second), 0, time.Time{}, 0, rivalFresh},
		"no new heartbeat":           {beat(6 * time.Second), 6, now.Add(-6 * time.Second), time.Second, rivalFresh},
		"a new heartbeat":            {beat(time.Second), 6, now.Add(-6 * time.Second), time.Second, rivalAlive},
		"silent":                     {beat(fresh), 6, now.Add(-fresh), time.Second, rivalNone},
		"no new heartbeat, its clock was set back": {beat(-time.Hour), 6, now.Add(time.Hour), fresh - 1, rivalFresh},
		"silent, its clock was set back":           {beat(-time.Hour), 6, now.Add(time.Hour), fresh, rivalNone},
		"a new heartbeat, at last":                 {beat(0), 6, now.Add(-time.Hour), fresh, rivalAlive},
		"of a server that tells none":              {scheduler.AgentSeen{Epoch: 7}, 6, time.Time{}, 0, rivalNone},
	} {
		if got := rivalOf(tt.seen, tt.own, tt.first, tt.since, fresh); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

// named is a scheduler that knows who has the name, and nothing else.
type named struct {
	Scheduler
	by scheduler.AgentSeen
}

func (n named) AgentSeen(context.Context, string) (scheduler.AgentSeen, error) { return n.by, nil }

// TestNameAfterASetBack: the name of an agent that is dead is free after the agent has waited
// for as long by its own clock, where the store's was set back after the last heartbeat.
func TestNameAfterASetBack(t *testing.T) {
	now := time.Unix(10_000, 0)
	var asked time.Duration
	a := &Agent{timing: scheduler.DefaultTiming().Scale(10_000), now: func() time.Duration { asked += time.Second; return asked }}
	a.timing.Warn = 15 * time.Second
	a.opts.Name, a.opts.Log = "h1", zerolog.Nop()
	a.opts.Scheduler = named{by: scheduler.AgentSeen{Epoch: 7, Beat: now.Add(time.Hour), Now: now}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := a.awaitName(ctx); err != nil {
		t.Error(err)
	}
	if asked < 15*time.Second {
		t.Errorf("it took the name after %s", asked)
	}
}
