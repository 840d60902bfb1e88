package agent

import (
	"fmt"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// The loops without which an agent is of no use, and which a new process would
// get going again. Looking at devices is not among them: a driver that hangs
// would hang the next process too, and Decide says what that means.
const (
	loopRenew = "renew"
	loopClaim = "claim"
)

// renewWithin is what a round of the heartbeat may take: a restart then still
// comes before the slots stop their jobs.
func (a *Agent) renewWithin() time.Duration { return a.timing.Warn }

// claimWithin is what a step of the claim loop may take: a claim is repeated
// while the belief lasts, and a directory of accounts may take its time.
func (a *Agent) claimWithin() time.Duration {
	if a.accounts.runAs == RunAsSelf {
		return a.timing.Believe
	}
	return a.timing.Believe + 2*directoryPatience
}

// Stuck says which of the loops that matter hangs; nil: none does. A store
// that does not answer is no hanging loop. Safe for concurrent use.
func (a *Agent) Stuck() error { return a.pulse.Stuck() }

// InWords says in a few words what this host does, for people. Safe for
// concurrent use.
func (a *Agent) InWords() string {
	words := inWords(a.fleet.states(), a.belief.stage(a.now()), a.epoch.Load() != 0)
	if why := a.noDevices(); why != "" {
		words += ", " + why
	}
	return words
}

// inWords is pure.
func inWords(states map[gpu.State]int, s stage, joined bool) string {
	total := 0
	for _, n := range states {
		total += n
	}
	words := []string{fmt.Sprintf("%d of %d devices busy", states[gpu.Leased]+states[gpu.Clearing], total)}
	for _, state := range []gpu.State{gpu.Drained, gpu.Foreign, gpu.Sick, gpu.Unknown} {
		if n := states[state]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, state))
		}
	}
	switch {
	case !joined:
		words = append(words, "waits to join")
	case s == warned:
		words = append(words, "cannot renew its leases: takes no new jobs")
	case s == stopping, s == lost:
		words = append(words, "cannot renew its leases: its jobs are stopped")
	}
	return strings.Join(words, ", ")
}
