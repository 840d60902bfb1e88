package agent

import (
	"context"

	"github.com/mlq-dev/mlq/agent/isolation"
)

// findIsolation learns how jobs can be held here. It fails where the admin asked
// for more than can be had.
func (a *Agent) findIsolation(ctx context.Context) (err error) {
	a.held, err = isolation.Reach(ctx, isolation.Wish{
		Level: a.opts.Isolation, Limits: a.opts.JobLimits, Owner: a.opts.DataDir,
	})
	if err == nil && a.held.Without != "" {
		a.opts.Log.Info().Str("isolation", a.isolation()).Str("without", a.held.Without).Msg("isolation of jobs")
	}
	return err
}

// isolation is the level that jobs have here, in words; never the level asked for.
func (a *Agent) isolation() string {
	words := "own process session and unix user"
	if a.accounts.runAs == RunAsSelf {
		words = "own process session, the agent's user"
	}
	if more := a.held.Words(); more != "" {
		words += ", " + more
	}
	return words
}
