package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

// errAPIAway: what the job needs of the HTTP server could not be had.
var errAPIAway = errors.New("api-away")

// prepared is everything of a grant that is found on this host.
type prepared struct {
	call
	environment scheduler.Environment
	account     *slot.Account
	home        string
	jobDir      string
	workDir     string
	shared      bool
	vars        map[string]string
	hold        *slot.Hold // nil: it is a job like any other
}

// prepare gets ready what the job needs on this host: its call, its Python,
// its account and its folder. That a server has signed it comes first: until then
// nothing of it is read. A *badCallError means that it can never run.
func (t *attempt) prepare(ctx context.Context) (p *prepared, err error) {
	p = &prepared{}
	if err = t.agent.signers.verify(ctx, &t.job, &t.spec); err != nil {
		return nil, err
	}
	if err = t.job.MayRunOn(t.agent.opts.Name); err != nil {
		return nil, err // nobody claimed it by the rules: its lease was written into the store
	}
	if p.call, err = t.readCall(ctx); err != nil {
		return nil, err
	}
	if err = t.place(p); err == nil {
		err = t.addSecrets(ctx, p)
	}
	if err == nil {
		err = checkVars(p.vars)
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// place finds Python, account and folder.
func (t *attempt) place(p *prepared) (err error) {
	a := t.agent
	var why string
	if p.environment, why = scheduler.ChooseEnvironment(t.job.Class, a.offer()); why != "" {
		return errors.New(why)
	}
	if p.account, p.home, err = a.accounts.of(t.spec.Unix); err != nil {
		return err
	}
	if p.account == nil {
		if p.shared, err = a.tenants.add(t.job.User); err != nil {
			return err
		}
	}
	if t.job.Hold {
		p.hold = t.heldFor()
	}
	p.vars, p.workDir = p.request.EnvVars, p.request.WorkDir
	p.jobDir, err = a.workdirs.make(t.job, p.account)
	return err
}

// fetch gives a payload. A server that does not answer is noted, so that no
// job that needs it is claimed until it is back.
func (a *Agent) fetch(ctx context.Context, sum string) (*os.File, error) {
	f, err := a.cache.open(ctx, sum)
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, ErrRefused):
		return nil, badCall("the payload is gone: %v", err)
	case diskTakesNothing(err) != "":
		return nil, err
	case ctx.Err() == nil:
		a.away.note()
	}
	return nil, fmt.Errorf("%w: %w", errAPIAway, err)
}

// fetchAll gives a small payload whole.
func (a *Agent) fetchAll(ctx context.Context, sum string) ([]byte, error) {
	f, err := a.fetch(ctx, sum)
	if err != nil {
		return nil, err
	}
	defer closeFile(f)
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read the payload: %w", err)
	}
	return data, nil
}
