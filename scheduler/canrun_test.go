package scheduler_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// crossing lets nobody pass who reads the list of hosts, until it is opened.
type crossing struct {
	store.Store
	came chan struct{} // one for each read that waits
	open chan struct{}
	n    atomic.Int64
}

func newCrossing(st store.Store) *crossing {
	return &crossing{Store: st, came: make(chan struct{}, 1000), open: make(chan struct{})}
}

// Read implements store.Store. What it answers is from before it is opened.
func (c *crossing) Read(ctx context.Context, q store.Query) (store.Answer, error) {
	a, err := c.Store.Read(ctx, q)
	for _, r := range q.Ranges {
		if r.Index != "agent:hosts" {
			continue
		}
		c.n.Add(1)
		c.came <- struct{}{}
		select {
		case <-c.open:
		case <-ctx.Done():
			return a, ctx.Err()
		}
	}
	return a, err
}

func onGPUs(gpus int) scheduler.Submission {
	return scheduler.Submission{Media: scheduler.MediaJSON, Body: []byte(`{"msg": 1}`), Function: "train", Request: scheduler.Request{GPUs: &gpus}}
}

// TestSubmitsLookAtTheFleetTogether: submits that come at once look at the fleet once, though
// each is of another user with another account; who was first and gives up spoils it for nobody.
func TestSubmitsLookAtTheFleetTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scheduler.DefaultTiming())
	w.host("a", 1)
	gate := newCrossing(w.st)
	s, err := scheduler.New(gate, scheduler.Options{Timing: scheduler.DefaultTiming()})
	w.must(err)
	first, giveUp := context.WithCancel(w.ctx)
	var all sync.WaitGroup
	submit := func(ctx context.Context, user string) error {
		_, err := s.Submit(ctx, scheduler.Who{User: user, Unix: user}, []scheduler.Submission{onGPUs(1)}, "")
		return err
	}
	all.Go(func() { w.wantErr(submit(first, "ana"), context.Canceled) })
	<-gate.came
	for i := range 50 {
		all.Go(func() {
			if err := submit(w.ctx, fmt.Sprintf("u%d", i)); err != nil {
				t.Error(err)
			}
		})
	}
	giveUp()
	close(gate.open)
	all.Wait()
	if n := gate.n.Load(); n != 1 {
		t.Errorf("the fleet was read %d times", n)
	}
}

// TestRefusedByAnOldLook: a submit after a host has joined is not refused by a look that
// began before, whoever it is that looks.
func TestRefusedByAnOldLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scheduler.DefaultTiming())
	w.host("a", 1)
	gate := newCrossing(w.st)
	s, err := scheduler.New(gate, scheduler.Options{Timing: scheduler.DefaultTiming()})
	w.must(err)
	submit := func() error {
		_, err := s.Submit(w.ctx, scheduler.Who{User: "ana"}, []scheduler.Submission{onGPUs(2)}, "")
		return err
	}
	var early, late error
	var both sync.WaitGroup
	both.Go(func() { early = submit() })
	<-gate.came
	w.host("b", 2)
	both.Go(func() { late = submit() })
	close(gate.open)
	both.Wait()
	w.wantErr(early, scheduler.ErrUnsatisfiable)
	if late != nil {
		t.Errorf("refused though host b had joined: %v", late)
	}
}
