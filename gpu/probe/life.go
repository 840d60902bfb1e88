package probe

import (
	"context"
	"fmt"
	"time"
)

// life is that of one child, from its start until its process is gone.
type life struct {
	probe   *Probe
	child   *child
	mark    int // of its start
	library libraryWatch
	looked  chan bool // whether the library is another one, of the look under way; nil: none is

	opened  time.Time // zero: the driver was never open
	refusal time.Time // since when the driver refuses; zero: it does not
	refused bool      // the child ended because the driver refuses
	renewed bool      // we ended it, for another one to start at once
	why     string    // it could not be started
	steady  bool
}

// follow returns when the process is gone.
func (l *life) follow(ctx context.Context) {
	t := l.probe.times
	opening := time.NewTimer(t.Open)
	defer opening.Stop()
	look := time.NewTicker(t.Look)
	defer look.Stop()
	var tooLate <-chan time.Time // when the process should have been gone
	killed, over := l.child.killed, ctx.Done()
	for {
		select {
		case m := <-l.child.news:
			l.hear(m)
			l.child.noted <- struct{}{}
		case <-opening.C:
			if l.opened.IsZero() && l.refusal.IsZero() {
				l.child.kill(fmt.Sprintf("the driver did not open within %s", inSeconds(t.Open)))
			}
		case now := <-look.C:
			l.look(now)
		case <-l.probe.now.wanted:
			if l.probe.now.unwanted(l.mark) {
				l.quit()
			}
		case another := <-l.looked:
			l.looked = nil
			if another && !l.child.leaving() {
				l.renew("the driver's library on the disk is another one")
			}
		case <-over:
			l.quit()
			over = nil
		case <-killed:
			killed, tooLate = nil, time.After(t.Kill)
		case <-tooLate:
			l.stuck()
		case <-l.child.ended:
			return
		}
	}
}

// hear takes in what the child says unasked.
func (l *life) hear(m message) {
	switch {
	case m.Event != nil:
		l.probe.subs.tell(*m.Event)
	case m.Refused != "":
		l.refused, l.refusal = true, time.Now()
		l.probe.refused(m.Refused)
	case m.Info != nil && !l.child.leaving():
		l.probe.warn(m.Info.Problem)
		l.answered(m.Info.Problem)
		if l.probe.now.says(l.child, *m.Info) {
			l.probe.tellAll(*m.Info)
		}
	}
}

func (l *life) answered(problem string) {
	switch {
	case problem == "":
		l.refusal = time.Time{}
		if l.opened.IsZero() {
			l.opened = time.Now()
		}
	case l.refusal.IsZero():
		l.refusal = time.Now()
	}
}

// look ends a child that is no use any more.
func (l *life) look(now time.Time) {
	t := l.probe.times
	if l.child.calls.hang(now, t) {
		l.child.kill(fmt.Sprintf("no question was answered for %s", inSeconds(t.Hang)))
		return
	}
	if !l.refusal.IsZero() && now.Sub(l.refusal) >= t.Reopen {
		l.renew("")
		return
	}
	if l.library.name != "" && l.looked == nil {
		l.lookAtLibrary()
	}
}

// lookAtLibrary has it looked at beside: what a process has mapped cannot be read
// while it hangs inside the kernel in the middle of mapping.
func (l *life) lookAtLibrary() {
	looked := make(chan bool, 1)
	l.looked = looked
	go func() {
		another, err := l.library.changed()
		if err != nil {
			l.probe.opts.Log.Debug().Err(err).Msg("cannot look at the driver's library")
		}
		looked <- another
	}()
}

// renew ends the child so that the next one loads the library anew.
func (l *life) renew(why string) {
	l.renewed = true
	if why != "" {
		l.probe.lost("was ended", why)
	}
	l.probe.now.leaves()
	l.quit()
}

// quit asks the child to end, and kills it if it does not.
func (l *life) quit() {
	if l.child.leaving() {
		return
	}
	l.child.quit()
	time.AfterFunc(l.probe.times.Quiet, func() { l.child.kill("it did not end when it was asked to") })
}

func (l *life) stuck() {
	pid := l.child.cmd.Process.Pid
	l.probe.opts.Log.Error().Int("pid", pid).Msg("the GPU probe hangs inside the driver and cannot be ended")
	l.probe.now.lost(fmt.Sprintf("the GPU probe (process %d) hangs inside the driver and cannot be ended; if it stays so, restart the machine", pid))
}

// bury says what became of the child, then lets those go who wait for its answers.
func (l *life) bury() {
	defer close(l.child.over)
	l.steady = !l.opened.IsZero() && time.Since(l.opened) >= l.probe.times.Steady
	switch {
	case l.refused, l.renewed, l.child.leaving():
		l.probe.now.leaves()
	default:
		l.probe.lost("was lost", l.child.reason())
	}
}

// pause before the next child, when last was the one before this child.
func (l *life) pause(last time.Duration, t Times) time.Duration {
	switch {
	case l.child != nil && l.refused:
		return t.Reopen
	case l.child != nil && (l.renewed || l.child.leaving()):
		return 0
	}
	return nextPause(last, l.steady, t)
}

// nextPause doubles, unless the child before was of use. It is pure.
func nextPause(last time.Duration, steady bool, t Times) time.Duration {
	if steady || last < t.PauseLeast {
		return t.PauseLeast
	}
	return min(2*last, t.PauseMost)
}
