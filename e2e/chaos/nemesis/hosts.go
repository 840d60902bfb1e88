package nemesis

import (
	"context"
	"errors"
	"syscall"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
	"github.com/mlq-dev/mlq/e2e/chaos/world"
	"github.com/mlq-dev/mlq/internal/faultproxy"
)

// agentKilled is F1: the slots go on, and the next agent adopts them, or finds
// that they have ended themselves.
func agentKilled(d *draw) *strike {
	h := d.host()
	s := d.onHost(h)
	s.inject = func(context.Context) error { return h.Kill() }
	s.heal = func(ctx context.Context) error { return h.Restart(ctx) }
	return s
}

// hostKilled is F2: agent and slots die at one moment, and the kernel takes the
// jobs with them.
func hostKilled(d *draw) *strike {
	h := d.host()
	s := d.onHost(h)
	s.lasts = d.dead()
	s.inject = func(context.Context) error { return errors.Join(h.Kill(), h.KillSlots()) } // the agent first: no slot is born any more
	s.heal = func(ctx context.Context) error { return h.Restart(ctx) }
	s.intervals = []record.Interval{{Kind: record.Silent, Host: h.Name}}
	return s
}

// agentStopped is F3, up to twice as long as a lease: the slots end their jobs
// themselves, and what the agent says when it wakes is out of date.
func agentStopped(d *draw) *strike {
	h := d.host()
	s := d.onHost(h)
	s.lasts = d.between(d.timing.Believe/4, 2*d.timing.Believe)
	s.inject = func(context.Context) error { return h.Stop() }
	s.heal = func(context.Context) error { return h.Cont() }
	return s
}

// slotsStopped is F4: slots and jobs stand still past their lease, and the agent
// must end them.
func slotsStopped(d *draw) *strike {
	h := d.host()
	s := d.onHost(h)
	s.lasts = d.between(d.timing.Believe/4, 2*d.timing.Believe)
	var stopped []int
	s.inject = func(context.Context) error {
		for _, pid := range h.Pids() {
			if pid != h.Pid() {
				stopped = append(stopped, pid)
			}
		}
		return signal(stopped, syscall.SIGSTOP)
	}
	s.heal = func(context.Context) error { return signal(stopped, syscall.SIGCONT) }
	return s
}

// hostStopped is F5: everything on a host stands still at once.
func hostStopped(d *draw) *strike {
	h := d.host()
	s := d.onHost(h)
	s.inject = func(context.Context) error { return h.StopAll() }
	s.heal = func(context.Context) error { return h.ContAll() }
	s.intervals = []record.Interval{{Kind: record.Pause, Host: h.Name}}
	return s
}

// hostRebooted is F36, as far as it goes without another boot id: all that lives
// there dies at one moment, and the agent starts with what its disk holds.
func hostRebooted(d *draw) *strike {
	h := d.host()
	s := d.onHost(h)
	s.lasts = d.dead()
	s.inject = func(context.Context) error { return h.KillAll() }
	s.heal = func(ctx context.Context) error { return h.Restart(ctx) }
	s.intervals = []record.Interval{{Kind: record.Silent, Host: h.Name}}
	return s
}

// partitioned is F6: a host reaches nobody.
func partitioned(d *draw) *strike { return held(d, faultproxy.Both) }

// halfOpen is F7: what a host says arrives, and it hears nothing.
func halfOpen(d *draw) *strike { return held(d, faultproxy.Answers) }

func held(d *draw, direction faultproxy.Direction) *strike {
	h := d.host()
	s := onLinks(h.Name, d.from(h.Name), d.around(), func(l *world.Link) { l.Hold(direction) })
	s.touches = append(s.touches, h.Name)
	return s
}

// signal sends a signal to processes; one that has gone is no mistake.
func signal(pids []int, with syscall.Signal) (err error) {
	for _, pid := range pids {
		if e := syscall.Kill(pid, with); e != nil && !errors.Is(e, syscall.ESRCH) {
			err = errors.Join(err, e)
		}
	}
	return err
}
