package agent_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/agent/agenttest"
	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestContractOfALaterServer: an agent leaves unread what it does not know in the
// answers of a server that was upgraded before it.
func TestContractOfALaterServer(t *testing.T) {
	agenttest.Run(t, func(t testing.TB, timing scheduler.Timing) agenttest.World {
		st := openers["embedded"](t)
		users := schedulerOn(t, st, timing)
		h := agenttest.Serve(t, api.Options{Scheduler: users, Store: st, Blobs: folder(t)})
		h.Later(true, false)
		return agenttest.World{Users: users, Agent: func(host string) agent.Scheduler { return h.Agent(host) }}
	})
}

// TestAgentOfALaterVersion: a server refuses what it does not know, so an agent that was
// upgraded before it says what to do, and gives nothing up: once the server is upgraded,
// it goes on.
func TestAgentOfALaterVersion(t *testing.T) {
	t.Parallel()
	st := openers["embedded"](t)
	h := agenttest.Serve(t, api.Options{Scheduler: schedulerOn(t, st, scheduler.DefaultTiming()), Store: st, Blobs: folder(t)})
	a := h.Agent("h1")
	joined, err := a.Join(t.Context(), scheduler.Inventory{Host: "h1"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	h.Later(false, true)
	_, join := a.Join(t.Context(), scheduler.Inventory{Host: "h1"}, nil, nil)
	_, renew := a.Renew(t.Context(), "h1", joined.Epoch, nil)
	_, finish := a.Finish(t.Context(), scheduler.LeaseRef{Job: 1, Fence: 1}, scheduler.Finish{Outcome: scheduler.OutcomeSucceeded})
	for what, err := range map[string]error{"join": join, "renew": renew, "finish": finish} {
		if !errors.Is(err, store.ErrUnavailable) || !strings.HasSuffix(err.Error(),
			"it does not know what this agent sends (no such field: of_a_later_version): its version is older than this agent's; upgrade the servers first") {
			t.Errorf("%s: %v", what, err)
		}
	}
	h.Later(false, false)
	if _, err := a.Renew(t.Context(), "h1", joined.Epoch, nil); err != nil {
		t.Errorf("renewed at the upgraded server: %v", err)
	}
}
