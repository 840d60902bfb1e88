package sim

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// function is what all messages are for.
const function = "f"

// functionSteps lists what may become of the function, and what the servers make of it.
func (w *World) functionSteps() []step {
	if !w.Messages {
		return nil
	}
	out := []step{{"promote", func(w *World) { w.promote(heard) }}}
	if w.used.Delays < w.Limits.Delays {
		out = append(out, step{delayed.of("promote"), func(w *World) { w.promote(delayed) }})
	}
	if w.used.Functions == w.Limits.Functions {
		return out
	}
	name, list := "the function is registered", []scheduler.Function{{Name: function}}
	if w.registered() {
		name, list = "the function is removed", nil
	}
	for _, how := range w.fates() {
		out = append(out, step{how.of(name), func(w *World) { w.used.Functions++; w.register(list, how) }})
	}
	return out
}

func (w *World) registered() bool {
	list, err := w.scheduler("look", heard).Functions(ctx, user)
	if err != nil {
		w.fall("look: %w", err)
	}
	return len(list) > 0
}

func (w *World) register(list []scheduler.Function, how fate) {
	err := w.scheduler("functions", how).ChangeFunctions(ctx, user, func([]scheduler.Function, time.Time, bool) ([]scheduler.Function, error) {
		return list, nil
	})
	if err != nil && !errors.Is(err, errDelayed) {
		w.fall("register: %w", err)
	}
}

// promote is what each server does every second.
func (w *World) promote(how fate) {
	if err := w.scheduler("promote", how).Promote(ctx); err != nil && !errors.Is(err, errDelayed) {
		w.fall("promote: %w", err)
	}
}

// await gives a message back whose function is gone.
func (w *World) await(i int, job scheduler.JobID, how fate) {
	a := &w.agents[i]
	l := a.leases[job]
	w.promised = without(w.promised, job)
	err := w.scheduler("await", how).Await(ctx, scheduler.LeaseRef{Job: job, Fence: l.fence}, []string{function})
	if errors.Is(err, errDelayed) {
		w.sent(a, job)
		return
	}
	if err == nil || errors.Is(err, scheduler.ErrStale) || errors.Is(err, scheduler.ErrNotFound) {
		a.leases = without(a.leases, job)
	}
}

// submitLate sends a submit whose answer nobody hears.
func (w *World) submitLate() {
	_, err := w.scheduler("submit", delayed).Submit(ctx, scheduler.Who{User: user}, []scheduler.Submission{w.submission()}, "")
	if !errors.Is(err, errDelayed) {
		w.fall("submit: %w", err)
	}
}

func (w *World) submission() scheduler.Submission {
	sub := scheduler.Submission{Media: scheduler.MediaJSON, Body: []byte("{}"), Function: "f", Message: w.Messages}
	if w.Limits.Callbacks > 0 {
		sub.Callback = "http://app.example.org/"
	}
	if w.Messages {
		sub.Functions = []string{function}
		if w.Later {
			sub.Request.RunAt = w.now().Add(tick)
		}
	}
	return sub
}

// promoteRounds is enough for all that waits: back from an agent, and into the queue.
const promoteRounds = 3

// functionsFound: once the servers have looked, no message waits for a function that
// is registered, and one that waits for one that is not says so.
func (w *World) functionsFound() {
	if !w.Messages {
		return
	}
	c := w.Clone()
	for range promoteRounds {
		c.promote(heard)
	}
	there := c.registered()
	for key := range c.store.records {
		id, is := strings.CutPrefix(key, "live:job:")
		if !is || c.broken != nil {
			continue
		}
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			continue
		}
		j, err := c.job(scheduler.JobID(n))
		switch {
		case err != nil:
			c.fall("promise 1: %w", err)
		case j.State != scheduler.Scheduled || j.NotBefore.After(w.now()):
		case there:
			c.fall("promise 1: job %d waits for %q, which is registered", j.ID, j.Awaits)
		case !slices.Equal(j.Awaits, []string{function}):
			c.fall("promise 1: job %d is scheduled and awaits %q", j.ID, j.Awaits)
		}
	}
	w.broken = c.broken
}
