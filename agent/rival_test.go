package agent

import (
	"context"
	"errors"
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
	by func() scheduler.AgentSeen
}

func (n named) AgentSeen(context.Context, string) (scheduler.AgentSeen, error) { return n.by(), nil }

// nameAfter has an agent wait for its name by a clock that goes on by a second whenever it is
// read, and gives what that shows then.
func nameAfter(t *testing.T, by func(clock *time.Duration) scheduler.AgentSeen) (clock time.Duration, err error) {
	t.Helper()
	a := &Agent{timing: scheduler.DefaultTiming().Scale(10_000), now: func() time.Duration { clock += time.Second; return clock }}
	a.timing.Warn = 15 * time.Second
	a.opts.Name, a.opts.Log = "h1", zerolog.Nop()
	a.opts.Scheduler = named{by: func() scheduler.AgentSeen { return by(&clock) }}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = a.awaitName(ctx)
	return clock, err
}

// TestNameAfterASetBack: the name of an agent that is dead is free after the agent has waited
// for as long by its own clock, where the store's was set back after the last heartbeat.
func TestNameAfterASetBack(t *testing.T) {
	now := time.Unix(10_000, 0)
	clock, err := nameAfter(t, func(*time.Duration) scheduler.AgentSeen {
		return scheduler.AgentSeen{Epoch: 7, Beat: now.Add(time.Hour), Now: now}
	})
	if err != nil {
		t.Error(err)
	}
	if clock < 15*time.Second {
		t.Errorf("it took the name after %s", clock)
	}
}

// TestNameByALateAnswer: an answer that was on its way for longer than the wait is no silence of
// the agent it tells of, which was heard of meanwhile.
func TestNameByALateAnswer(t *testing.T) {
	began, asked := time.Unix(10_000, 0), 0
	_, err := nameAfter(t, func(clock *time.Duration) scheduler.AgentSeen {
		asked++
		if asked == 2 {
			*clock += 20 * time.Second
		}
		beat := began
		if asked > 2 {
			beat = began.Add(20 * time.Second)
		}
		return scheduler.AgentSeen{Epoch: 7, Beat: beat, Now: beat.Add(time.Second)}
	})
	if !errors.Is(err, ErrNameTaken) {
		t.Errorf("it took the name of an agent that is alive: %v", err)
	}
}
