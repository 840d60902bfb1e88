package history_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// mostJobs of one user: few, so that agents meet at them. A requeue makes more.
const mostJobs = 6

// user submits, cancels, requeues and looks.
type user struct {
	client
	submitted int
}

func (u *user) live() {
	for range steps {
		id, some := u.any()
		switch n := u.IntN(12); {
		case !some || n < 3 && u.submitted < mostJobs:
			u.submit()
		case n == 4 && u.IntN(2) == 0:
			u.cancel(id)
		case n < 8:
			u.requeue(id)
		default:
			u.read(id)
		}
	}
}

// submit insists, under one key, until it has an answer.
func (u *user) submit() {
	u.submitted++
	key := fmt.Sprint(u.name, u.submitted)
	need := 1 + u.IntN(devices)
	sub := scheduler.Submission{
		Media: scheduler.MediaJSON, Body: []byte("{}"), Function: "f", Request: scheduler.Request{GPUs: &need},
	}
	c := call{kind: submit, by: u.name, called: u.w.now()}
	for {
		ctx, leave := fated(u.w.ctx, u.Rand, submit)
		out, err := u.s.Submit(ctx, scheduler.Who{User: u.name}, []scheduler.Submission{sub}, key)
		leave()
		if errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.Canceled) {
			continue
		}
		if err == nil {
			c.job = out.IDs[0]
			u.w.know(c.job)
		}
		u.w.note(&c, err)
		return
	}
}

func (u *user) cancel(id scheduler.JobID) {
	u.do(call{kind: cancel, job: id}, func(ctx context.Context, what *call) error {
		j, already, err := u.s.Cancel(ctx, id, u.name)
		what.state, what.already, what.short = j.State, already, j.Result.Short
		return err
	})
}

func (u *user) requeue(id scheduler.JobID) {
	c := u.do(call{kind: requeue, job: id}, func(ctx context.Context, what *call) (err error) {
		what.newJob, err = u.s.Requeue(ctx, scheduler.Who{User: u.name, Admin: true}, id)
		return err
	})
	if c.answer == ok {
		u.w.know(c.newJob)
	}
}
