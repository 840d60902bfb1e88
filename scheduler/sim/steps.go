package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// step is one thing that can happen next.
type step struct {
	name string
	do   func(*World)
}

// tick is how far the clock moves at once: three of them pass Expire, and the
// belief ends between the second and the third.
const tick = 26 * time.Second

// steps lists what can happen next, in a fixed order.
func (w *World) steps() []step {
	var out []step
	add := func(name string, do func(*World)) { out = append(out, step{name, do}) }
	out = append(out, w.hostSteps()...)
	for i := range w.pending {
		add(fmt.Sprintf("the %s on its way arrives", w.pending[i].op), func(w *World) { w.arrive(i) })
	}
	add("reap", func(w *World) { w.reap() })
	out = append(out, w.oldSteps()...)
	if w.used.Delays < w.Limits.Delays {
		add("reap (its commit is delayed)", func(w *World) { w.delayedReap() })
	}
	if w.used.Ticks < w.Limits.Ticks {
		add("time passes", func(w *World) { w.used.Ticks++; w.pass(tick) })
	}
	if w.used.Backups < w.Limits.Backups {
		add("replica falls behind here", func(w *World) { w.used.Backups++; w.backup = w.store.Clone(w.now) })
	}
	if w.used.Losses < w.Limits.Losses && w.backup != nil {
		add("the store is lost, the replica takes over", func(w *World) { w.lose() })
	}
	if w.used.Submits < w.Limits.Submits {
		add("submit", func(w *World) { w.used.Submits++; w.submit(heard) })
		if w.used.Repeats < w.Limits.Repeats {
			add(repeated.of("submit"), func(w *World) { w.used.Submits++; w.submit(repeated) })
		}
		if w.Messages && w.used.Delays < w.Limits.Delays {
			add(delayed.of("submit"), func(w *World) { w.used.Submits++; w.submitLate() })
		}
	}
	if w.used.Jumps < w.Limits.Jumps {
		add("the store's clock jumps an hour", func(w *World) { w.jump(time.Hour) })
		add("the store's clock is set back an hour", func(w *World) { w.jump(-time.Hour) })
	}
	if w.used.Forgets < w.Limits.Forgets {
		add("host-0 is forgotten", func(w *World) { w.forget() })
	}
	if w.used.Cancels < w.Limits.Cancels {
		for _, id := range w.live {
			add(fmt.Sprintf("cancel %d", id), func(w *World) { w.cancel(id) })
		}
	}
	return slices.Concat(out, w.drainSteps(), w.callbackSteps(), w.functionSteps())
}

func (w *World) jump(d time.Duration) {
	w.used.Jumps++
	w.base = w.base.Add(d)
}

// forget is an admin's: of host-0, refused where it is alive or busy.
func (w *World) forget() {
	w.used.Forgets++
	// A refusal is a life in which nothing happened.
	_ = w.scheduler("forget", heard).ForgetHost(ctx, w.agents[0].name)
}

// hostSteps lists what the hosts can do. Those that have done nothing yet are
// alike but for their names: what the first of them can do stands for all.
func (w *World) hostSteps() []step {
	var out []step
	for i := range w.agents {
		out = append(out, w.agentSteps(i)...)
		if !w.agents[i].stirred {
			break
		}
	}
	return out
}

func (w *World) agentSteps(i int) []step {
	a := &w.agents[i]
	var out []step
	add := func(name string, do func(w *World)) {
		out = append(out, step{a.name + ": " + name, func(w *World) { w.agents[i].stirred = true; do(w) }})
	}
	for n := range w.Devices {
		dev := device(a.name, n).UUID
		if p, ok := a.procs[dev]; ok && !p.over {
			add("the process exits", func(w *World) { w.exit(i, dev) })
		}
	}
	if !a.joined {
		add("join", func(w *World) { w.join(i, false) })
		if w.used.Deafs < w.Limits.Deafs {
			add("join, its slots do not answer", func(w *World) { w.used.Deafs++; w.join(i, true) })
		}
		return out
	}
	for _, how := range w.fates() {
		for _, id := range w.live {
			if name, do := w.leaseStep(i, id); do != nil {
				add(how.of(fmt.Sprintf("%s %d", name, id)), func(w *World) { do(w, how) })
			}
		}
		add(how.of("renew"), func(w *World) { w.renew(i, how) })
	}
	if w.used.Crashes < w.Limits.Crashes {
		add("crash", func(w *World) { w.used.Crashes++; w.crash(i) })
	}
	return out
}

// leaseStep is what an agent can do about a job.
func (w *World) leaseStep(i int, id scheduler.JobID) (name string, do func(*World, fate)) {
	a := &w.agents[i]
	l, has := a.leases[id]
	_, free := w.freeDevice(a)
	switch {
	case !has && free:
		return "claim", func(w *World, f fate) { w.claim(i, id, f) }
	case has && l.stage == won && w.Messages && !w.registered():
		if l.sent {
			return "", nil
		}
		return "await", func(w *World, f fate) { w.await(i, id, f) }
	case has && l.stage == won:
		return "start", func(w *World, f fate) { w.start(i, id, f) }
	case l.stage == ended || l.stage == stops:
		return "finish", func(w *World, f fate) { w.finish(i, id, f) }
	}
	return "", nil
}

// fates lists what may become of a commit now.
func (w *World) fates() []fate {
	out := []fate{heard}
	if w.used.Delays < w.Limits.Delays {
		out = append(out, delayed)
	}
	if w.used.Repeats < w.Limits.Repeats {
		out = append(out, repeated)
	}
	return out
}

func (f fate) of(step string) string {
	if f == heard {
		return step
	}
	return step + ", " + string(f)
}

// arrive delivers a commit that was on its way. Nobody hears its answer.
func (w *World) arrive(i int) {
	p := w.pending[i]
	w.pending = slices.Delete(slices.Clone(w.pending), i, i+1)
	if _, err := w.store.Commit(ctx, p.commit); err != nil {
		w.fall("a commit of %s was refused: %w", p.op, err)
	}
}

// reap is a round of a server's loops that go by its own clock.
func (w *World) reap() {
	if _, err := w.scheduler("hold-off", heard).EndHoldOff(ctx, &w.server.hold, w.own(w.HoldByStore)); err != nil {
		w.fall("hold-off: %w", err)
	}
	if _, err := w.scheduler("reap", heard).Reap(ctx, w.server.reaper, w.own(w.NoOwnClock)); err != nil {
		w.fall("reap: %w", err)
	}
}

func (w *World) delayedReap() {
	if _, err := w.scheduler("reap", delayed).Reap(ctx, w.server.reaper, w.own(w.NoOwnClock)); err != nil && !errors.Is(err, errDelayed) {
		w.fall("reap: %w", err)
	}
}

// own is the server's own clock, or the store's where it has none.
func (w *World) own(none bool) func() time.Duration {
	if none {
		return func() time.Duration { return time.Duration(w.now().UnixNano()) }
	}
	return func() time.Duration { return w.elapsed }
}

// pass lets time go by: slots end what nobody believes in any more, and the
// server's loops look at the clock.
func (w *World) pass(d time.Duration) {
	w.elapsed += d
	for i := range w.agents {
		for dev, p := range w.agents[i].procs {
			if !p.over && p.until <= w.elapsed && !w.NoSelfFence {
				w.agents[i].procs = without(w.agents[i].procs, dev)
				w.promised = without(w.promised, p.job)
				if l, ok := w.agents[i].leases[p.job]; ok && l.fence == p.fence {
					w.agents[i].leases = without(w.agents[i].leases, p.job)
				}
			}
		}
	}
}

// lose puts the replica in the store's place; what it had not heard is gone.
func (w *World) lose() {
	w.used.Losses++
	w.losses++
	w.lostAt = w.elapsed
	w.old = nil
	if w.Limits.Olds > 0 {
		w.old = w.store
	}
	w.store = w.backup.Reborn(fmt.Sprintf("store-%d", w.losses), w.now)
	w.backup = nil
	var live []scheduler.JobID
	for _, id := range w.live {
		if _, err := w.job(id); err == nil {
			live = append(live, id)
		}
	}
	w.live = live
	w.promised = map[scheduler.JobID]promise{}
	w.spared = map[scheduler.JobID]uint64{}
	w.cancelled = map[scheduler.JobID]bool{} // a lost cancel is not a broken promise
	w.submit(heard)                          // which adopts the store, and must not issue an id again
	w.reap()                                 // a server sees the hold-off at once, at the soonest that it can begin to count
}

func (w *World) cancel(id scheduler.JobID) {
	w.used.Cancels++
	before, err := w.job(id)
	if err != nil {
		return
	}
	if _, _, err := w.scheduler("cancel", heard).Cancel(ctx, id, "ana"); err != nil {
		w.fall("cancel: %w", err)
		return
	}
	if before.State != scheduler.Running && !before.State.Final() {
		w.cancelled = with(w.cancelled, id, true)
	}
}
