package sim

import (
	"errors"
	"strings"

	"github.com/mlq-dev/mlq/scheduler"
)

// closedBy is in the words of who stops a job at the deadline.
const closedBy = "root: maintenance"

// drainSteps lists what an admin may close, and what the servers make of it.
func (w *World) drainSteps() []step {
	var out []step
	if w.Limits.Drains == 0 {
		return nil
	}
	add := func(name string, do func(*World)) { out = append(out, step{name, do}) }
	if w.used.Drains < w.Limits.Drains {
		add("host-0 is closed by a deadline", func(w *World) { w.used.Drains++; w.drain() })
	}
	if w.used.Drains > 0 {
		add("host-0 is opened", func(w *World) { w.undrain() })
		add("the drains are kept", func(w *World) { w.keepDrains() })
		if w.used.Delays < w.Limits.Delays {
			add("the drains are kept (a commit is delayed)", func(w *World) { w.delayedKeep() })
		}
	}
	return out
}

func (w *World) drain() {
	d := scheduler.Drain{Host: w.agents[0].name, By: closedBy, In: tick}
	if _, err := w.scheduler("drain", heard).Drain(ctx, d); err != nil {
		w.fall("drain: %w", err)
	}
	w.spared = nil
}

// undrain takes it back: what runs there and was not told to stop goes on.
func (w *World) undrain() {
	if err := w.scheduler("drain", heard).Undrain(ctx, w.agents[0].name, ""); err != nil {
		w.fall("undrain: %w", err)
	}
	for _, id := range w.live {
		if j, err := w.job(id); err == nil && j.State.Active() && j.Attempt().Host == w.agents[0].name && !j.CancelRequested {
			w.spared = with(w.spared, id, j.Attempt().Fence)
		}
	}
}

// keepDrains is what each server does every second. After it, nothing that was
// not told to stop runs beyond a deadline, and each job knows what is closed.
func (w *World) keepDrains() {
	s := w.scheduler("closing", heard)
	if _, err := s.KeepDrains(ctx); err != nil {
		w.fall("keep drains: %w", err)
		return
	}
	hosts, err := s.Hosts(ctx)
	if err != nil {
		w.fall("keep drains: %w", err)
		return
	}
	for i := range hosts {
		w.checkKept(&hosts[i])
	}
}

func (w *World) checkKept(h *scheduler.Host) {
	d, limited := h.Deadlines[""]
	for _, id := range w.live {
		j, err := w.job(id)
		if err != nil || !j.State.Active() || j.Attempt().Host != h.Host || j.CancelRequested {
			continue
		}
		told := j.Attempt().Closing
		switch {
		case limited && !w.now().Before(d.At):
			w.fall("promise 7: job %d runs on %s beyond its deadline, and was not told to stop", id, h.Host)
		case limited != !told.At.IsZero():
			w.fall("promise 7: job %d was told that its host closes at %v, it does at %v", id, told.At, d.At)
		}
	}
}

// delayedKeep sends the first thing that there is to tell, and hears no answer.
func (w *World) delayedKeep() {
	if _, err := w.scheduler("closing", delayed).KeepDrains(ctx); err != nil && !errors.Is(err, errDelayed) {
		w.fall("keep drains: %w", err)
	}
}

// sparedStays: a drain that was taken back stops nothing that it had not stopped.
func (w *World) sparedStays(jobs map[scheduler.JobID]*scheduler.Job) {
	for id, fence := range w.spared {
		j := jobs[id]
		if j == nil || !j.State.Active() || j.Attempt().Fence != fence {
			continue
		}
		if j.CancelRequested && strings.HasPrefix(j.CancelBy, closedBy) {
			w.fall("promise 7: job %d is told to stop by a drain that was taken back", id)
		}
	}
}
