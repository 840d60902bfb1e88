package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
)

// addSecrets fetches the secrets that the job named, as they are now, for its
// environment. They live in memory only: in the grant to the slot and in the job's own
// processes. Nothing here may put them into an error or a log line.
func (t *attempt) addSecrets(ctx context.Context, p *prepared) error {
	if len(p.request.Secrets) == 0 {
		return nil
	}
	values, err := t.agent.opts.API.Secrets(ctx, t.ref, t.n)
	switch {
	case errors.Is(err, ErrNoSecret):
		return badCall("%v", err)
	case errors.Is(err, ErrRefused):
		return fmt.Errorf("the job's secrets: %w", err)
	case err != nil:
		if ctx.Err() == nil {
			t.agent.away.note()
		}
		return fmt.Errorf("%w: the job's secrets: %w", errAPIAway, err)
	}
	vars := make(map[string]string, len(p.vars)+len(values))
	maps.Copy(vars, p.vars)
	for variable := range p.request.Secrets {
		value, there := values[variable]
		if !there {
			return fmt.Errorf("%w: the server left out the secret for %s", errAPIAway, variable)
		}
		vars[variable] = value
	}
	p.vars = vars
	return nil
}

// maxVars bounds a job's variables and secrets as the slot sends them to its process,
// in one packet of 256 KiB with what else it says.
const maxVars = 192 << 10

// checkVars refuses what no process could be told.
func checkVars(vars map[string]string) error {
	text, err := json.Marshal(vars)
	if err != nil {
		return badCall("the job's variables cannot be encoded")
	}
	if len(text) > maxVars {
		return badCall("the job's variables and secrets have %d bytes as JSON, at most %d can be given to it", len(text), maxVars)
	}
	return nil
}
