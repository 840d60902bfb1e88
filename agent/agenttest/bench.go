package agenttest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// bench is a world with a test that plays its users and agents.
type bench struct {
	testing.TB
	World
	ctx    context.Context
	claims int
}

func newBench(t testing.TB, w World) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return &bench{TB: t, World: w, ctx: ctx}
}

func (b *bench) submit(user string, change ...func(*scheduler.Submission)) scheduler.JobID {
	b.Helper()
	sub := scheduler.Submission{Media: scheduler.MediaJSON, Body: []byte(`{"msg": 1}`), Function: "train"}
	for _, c := range change {
		c(&sub)
	}
	done, err := b.Users.Submit(b.ctx, scheduler.Who{User: user}, []scheduler.Submission{sub}, "")
	b.must(err)
	return done.IDs[0]
}

func (b *bench) job(id scheduler.JobID) scheduler.Job {
	b.Helper()
	j, err := b.Users.Job(b.ctx, id)
	b.must(err)
	return j
}

func (b *bench) wantState(id scheduler.JobID, want scheduler.State) scheduler.Job {
	b.Helper()
	j := b.job(id)
	if j.State != want {
		b.Fatalf("job %d is %s (%s %s), want %s", id, j.State, j.Reason, j.Detail, want)
	}
	return j
}

func (b *bench) must(err error) {
	b.Helper()
	must(b.TB, err)
}

// drain closes the host h1, or one of its devices.
func (b *bench) drain(device, by string) {
	b.Helper()
	_, err := b.Users.Drain(b.ctx, scheduler.Drain{Host: "h1", Device: device, By: by})
	b.must(err)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bench) refused(err, want error) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Fatalf("got error %v, want %v", err, want)
	}
}

// until waits for what happens by itself.
func (b *bench) until(what string, ok func() bool) {
	b.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-b.ctx.Done():
			b.Fatalf("waited in vain until %s", what)
		}
	}
}
