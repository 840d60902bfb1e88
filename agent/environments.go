package agent

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/agent/pyenv"
	"github.com/mlq-dev/mlq/scheduler"
)

// How long after the last time an environment that cannot run jobs is asked
// again: it may only have been slow, or somebody mends it. Each time costs a start
// of its interpreter.
const (
	probeAgain  = 30 * time.Second
	probeRarely = 10 * time.Minute
)

// environments are the Pythons that this host offers. Safe for concurrent use.
type environments struct {
	candidates []pyenv.Candidate
	probe      func(context.Context, []pyenv.Candidate) []scheduler.Environment

	mu   sync.Mutex
	list []scheduler.Environment // of each candidate; replaced, never changed in place
}

// all lists them, for reading only.
func (e *environments) all() []scheduler.Environment {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.list
}

// usual is the interpreter of the first that can run jobs; "" where none can.
func (e *environments) usual() string {
	for _, env := range e.all() {
		if env.Problem == "" {
			return env.Path
		}
	}
	return ""
}

// ask probes those that no answer was good of yet, and gives those whose answer
// is another than before. What an end of ctx cut short is no answer.
func (e *environments) ask(ctx context.Context) []scheduler.Environment {
	list := slices.Clone(e.all())
	if list == nil {
		list = make([]scheduler.Environment, len(e.candidates))
	}
	var asked []int
	var candidates []pyenv.Candidate
	for i, c := range e.candidates {
		if list[i].Name == "" || list[i].Problem != "" {
			asked, candidates = append(asked, i), append(candidates, c)
		}
	}
	found := e.probe(ctx, candidates)
	if ctx.Err() != nil {
		return nil
	}
	var changed []scheduler.Environment
	for n, i := range asked {
		if found[n].Problem != "" {
			found[n].Problem += fmt.Sprintf(" (the agent looks again by itself, after %d minutes at most)", probeRarely/time.Minute)
		}
		if found[n].Problem == "" || found[n].Problem != list[i].Problem {
			changed = append(changed, found[n])
		}
		list[i] = found[n]
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = list
	return changed
}

// watch asks again, first after a pause and then ever more rarely, until all can
// run jobs, and tells what is another.
func (e *environments) watch(ctx context.Context, pause time.Duration, tell func([]scheduler.Environment)) {
	broken := func(env scheduler.Environment) bool { return env.Problem != "" }
	for slices.ContainsFunc(e.all(), broken) {
		if sleep(ctx, pause); ctx.Err() != nil {
			return
		}
		if changed := e.ask(ctx); len(changed) > 0 {
			tell(changed)
		}
		pause = min(2*pause, probeRarely)
	}
}

// askPythons asks as what this agent may, each time anew: owners and modes may
// be others by now.
func (a *Agent) askPythons(ctx context.Context, pythons []pyenv.Candidate) []scheduler.Environment {
	var safe safety
	found := pyenv.Probe(ctx, pythons, safe.probeAs(a.accounts))
	if root() && a.accounts.runAs == RunAsSelf {
		safe.refuse(found)
	}
	return found
}

func (a *Agent) environmentLoop(ctx context.Context) {
	a.environments.watch(ctx, probeAgain, func(changed []scheduler.Environment) {
		a.logEnvironments(changed)
		a.fleet.news.wake()
		a.fleet.wake()
	})
}

func (a *Agent) logEnvironments(changed []scheduler.Environment) {
	for _, e := range changed {
		if e.Problem != "" {
			a.opts.Log.Warn().Str("environment", e.Name).Msg(e.Problem)
		} else {
			a.opts.Log.Info().Str("environment", e.Name).Str("python", e.Path).Msg("can run jobs")
		}
	}
}
