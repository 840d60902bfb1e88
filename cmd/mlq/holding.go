package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// What a command does while it holds devices, and at the end.

// keep stays until the hold is over, or a signal gives it back.
func (h *held) keep(ctx context.Context) error {
	over, end := h.watch(ctx)
	defer end()
	select {
	case <-ctx.Done():
		if s, ok := errors.AsType[signalled](context.Cause(ctx)); ok {
			err := cancelRun(ctx, h.io, h.r, h.id, s)
			h.tellLeft(ctx)
			return err
		}
		return context.Cause(ctx)
	case job := <-over:
		h.tellLeft(ctx)
		return h.passOn(job)
	}
}

// passOn is how the hold itself ended.
func (h *held) passOn(job *api.Job) error {
	if job.State == scheduler.Succeeded {
		h.tell("is over: its time has come")
		return nil
	}
	return passOn(job)
}

// run runs the command here, with the devices, and gives them back at its end.
// Ctrl-C is the command's: a terminal sends it there by itself.
//
// From Notify on a signal is the command's; one that came before gives the hold up.
func (h *held) run(ctx context.Context, command []string) error {
	cmd := exec.Command(command[0], command[1:]...) //nolint:gosec,noctx // it is the caller's own
	cmd.Stdin, cmd.Stdout, cmd.Stderr = h.io.in, h.io.out, h.io.err
	cmd.Env = append(os.Environ(), h.variables()...)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	if s, ok := errors.AsType[signalled](context.Cause(ctx)); ok {
		return cancelRun(ctx, h.io, h.r, h.id, s)
	}
	if err := cmd.Start(); err != nil {
		return errors.Join(failed("%w", err), h.giveBack(ctx))
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	over, end := h.watch(context.WithoutCancel(ctx))
	defer end()
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGTERM || s == syscall.SIGHUP || !inForeground() {
				h.signal(cmd, s)
			}
		case job := <-over:
			h.tell(fmt.Sprintf("holds nothing any more (%s): %s gets SIGTERM", endInWords(job), command[0]))
			h.signal(cmd, syscall.SIGTERM)
			over = nil
		case err := <-ended:
			return h.ended(ctx, command[0], err, over == nil)
		}
	}
}

// inForeground reports whether keys that interrupt reach all that runs here, as they
// do where our process group is the terminal's, whatever standard input is.
func inForeground() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false // there is no terminal
	}
	defer tty.Close()
	group, err := unix.IoctlGetUint32(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && int(group) == unix.Getpgrp()
}

func (h *held) signal(cmd *exec.Cmd, s os.Signal) {
	if err := cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		fmt.Fprintln(h.io.err, "mlq:", err)
	}
}

// ended gives the devices back and passes on how the command ended.
func (h *held) ended(ctx context.Context, name string, err error, over bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelPatience)
	defer cancel()
	if !over {
		given := h.giveBack(ctx)
		if given == nil {
			_, given = endedJob(ctx, h.r, h.id)
		}
		if given != nil {
			fmt.Fprintf(h.io.err, "mlq: %v; the devices are held until %s: mlq cancel %d\n", given, clock(h.job.Lease.EndsBy, time.Now()), h.id)
		}
	}
	h.tellLeft(ctx)
	exited, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return nil
	case !ok:
		return failed("%s: %w", name, err)
	case exited.Exited():
		return &exit{code: exited.ExitCode()}
	}
	status, _ := exited.Sys().(syscall.WaitStatus)
	return signalCode(signalled{status.Signal()})
}

// watch warns before the end, and tells when the hold is over: at its time, by
// somebody's order, or because its lease was lost. One that waits again is ended:
// nobody would know when it is granted.
func (h *held) watch(ctx context.Context) (over <-chan *api.Job, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	found := make(chan *api.Job, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if job := h.untilOver(ctx); job != nil {
			found <- job
		}
	}()
	return found, func() { cancel(); <-done }
}

// untilOver is nil where ctx ended first. A server that does not answer keeps
// nobody longer than the hold's own time.
func (h *held) untilOver(ctx context.Context) *api.Job {
	ends := h.job.Lease.EndsBy
	warning := time.NewTimer(time.Until(warnAt(h.job.Lease.Since, ends)))
	defer warning.Stop()
	for told := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-warning.C:
			h.tell("holds its devices until " + untilWords(ends, time.Now()))
			continue
		case <-time.After(min(heldEvery, max(time.Until(ends), grantedEvery))):
		}
		var job api.Job
		err := h.r.get(ctx, jobPath(h.id, ""), nil, &job)
		switch {
		case err != nil && ctx.Err() == nil && (!again(err) || time.Since(ends) > overdue):
			job = *h.job
			job.Detail = err.Error()
			return &job
		case err != nil:
			continue
		case job.State.Final():
			return &job
		case !job.State.Active() || len(job.Attempts) != len(h.job.Attempts):
			if !told { // and then it is tried to give it back until that is taken
				h.tell("has lost its devices, and would wait again")
				told = true
			}
			if err := h.giveBack(ctx); err == nil {
				job.State, job.Detail = scheduler.Cancelled, "its lease was lost"
				return &job
			}
		}
	}
}

// overdue is how long after its time a hold may not have ended yet.
const overdue = 10 * time.Second

// warnAt is pure: five minutes before the end, or when nine tenths are over.
func warnAt(since, ends time.Time) time.Time {
	return ends.Add(-min(5*time.Minute, ends.Sub(since)/10))
}

// leftWithin is how long the host may take to say what is left on the devices.
const leftWithin = 3 * time.Second

// tellLeft says what still runs on devices that were given back, as everybody is told.
func (h *held) tellLeft(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leftWithin)
	defer cancel()
	var job api.Job
	// A courtesy, as all that follows: mlq gpus says it too.
	if err := h.r.get(ctx, jobPath(h.id, ""), nil, &job); err != nil || !job.State.Final() {
		return
	}
	for {
		devices, err := listing[api.Device]{path: "/gpus", member: "gpus"}.get(context.WithoutCancel(ctx), h.r)
		if err != nil {
			return
		}
		devices = slices.DeleteFunc(devices, func(d api.Device) bool { return !slices.Contains(h.job.Lease.Devices, d.UUID) })
		late := ctx.Err() != nil
		if late || !slices.ContainsFunc(devices, func(d api.Device) bool { return undecided(&d, job.EndedAt) }) {
			h.tellEach(devices)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(grantedEvery):
		}
	}
}

// undecided: the host has not said yet how the device is since it was given back.
func undecided(d *api.Device, since time.Time) bool {
	switch d.State {
	case gpu.Clearing, gpu.Unknown:
		return true
	case gpu.Leased:
		return d.User == ""
	case gpu.Free:
		return d.Reported.Before(since) // so it was said before the hold
	case gpu.Foreign, gpu.Sick, gpu.Drained:
	}
	return false
}

func (h *held) tellEach(devices []api.Device) {
	for i := range devices {
		d := &devices[i]
		if d.User != "" || d.State != gpu.Foreign && d.State != gpu.Clearing {
			continue
		}
		fmt.Fprintf(h.io.err, "mlq: %s is not free for others: %s. MLQ ends no process that it did not start\n", target{device: d.UUID}.name(), harmless(d.Reason))
	}
}
