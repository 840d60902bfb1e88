package scheduler_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// consumer is a process that takes messages, played by the test.
type consumer struct {
	*world
	scheduler.Consumer
}

func (w *world) consumer(id, user string, serves ...string) *consumer {
	w.Helper()
	c := &consumer{w, scheduler.Consumer{ID: id, User: user, Serves: serves}}
	c.enter()
	return c
}

func (c *consumer) enter() scheduler.Entered {
	c.Helper()
	e, err := c.s.Enter(c.ctx, c.Consumer)
	c.must(err)
	c.Epoch = e.Epoch
	return e
}

func (c *consumer) choose() scheduler.Choice {
	c.Helper()
	o := scheduler.Offer{
		Host: c.Host(), Consumer: c.User, Serves: c.Serves,
		Devices: []scheduler.OfferedDevice{{Device: gpu.Device{UUID: c.Host(), Kind: gpu.KindConsumer}, Free: true}},
	}
	v, err := c.s.View(c.ctx, o, 0)
	c.must(err)
	return scheduler.Pick(v, o, v.Now, 0)
}

func (c *consumer) take() scheduler.Claimed {
	c.Helper()
	choice := c.choose()
	if choice.Kind != scheduler.ChoiceRun {
		c.Fatalf("nothing to take: %+v", choice)
	}
	c.n++
	won, err := c.s.Claim(c.ctx, scheduler.ClaimRequest{
		Host: c.Host(), Epoch: c.Epoch, Job: choice.Job, User: choice.User, Devices: choice.Devices, ClaimID: fmt.Sprintf("claim-%d", c.n),
	})
	c.must(err)
	return won
}

// message submits one for the consumers of its user, who has registered the functions as local.
func (w *world) message(user string, functions ...string) scheduler.JobID {
	w.Helper()
	w.register(user, local(functions...)...)
	return w.submit(user, func(s *scheduler.Submission) { s.Message, s.Functions = true, functions })
}

func local(names ...string) (list []scheduler.Function) {
	for _, name := range names {
		list = append(list, scheduler.Function{Name: name, Form: scheduler.FormLocal})
	}
	return list
}

// register adds functions, or puts them in the place of others of their names.
func (w *world) register(user string, functions ...scheduler.Function) {
	w.Helper()
	w.must(w.s.ChangeFunctions(w.ctx, user, func(list []scheduler.Function, _ time.Time, _ bool) ([]scheduler.Function, error) {
		for _, f := range functions {
			list = slices.DeleteFunc(list, func(known scheduler.Function) bool { return known.Name == f.Name })
			list = append(list, f)
		}
		return list, nil
	}))
}

const someConsumer, otherConsumer = "00000000000000aa", "00000000000000bb"
