package slot

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"time"

	"github.com/mlq-dev/mlq/internal/boottime"
	"github.com/mlq-dev/mlq/internal/plain"
	"github.com/mlq-dev/mlq/scheduler"
	"golang.org/x/sys/unix"
)

// watch waits for the end of the runner. It hands the call over, passes on
// what the job tells, and carries out what orders and clocks ask for. It does
// no I/O that could block: the deadline depends on it.
func (a *attempt) watch(ctx context.Context) {
	go a.child.awaitEnd()
	tick := time.NewTicker(a.slot.options.WatchEvery)
	defer tick.Stop()
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	progress := newPace[json.RawMessage](progressPace)
	size := newPace[int64](logPace)
	quit := ctx.Done()
	a.enforce(alarm) // an order may have come before the child was the job's
	for {
		select {
		case <-a.child.done:
			a.drain(progress, size)
			return
		case o := <-a.orders:
			a.obey(o)
		case m, ok := <-a.said:
			if !ok {
				a.said = nil
			}
			a.hear(m, progress)
		case n := <-a.grown:
			size.put(n)
		case <-progress.due():
		case <-size.due():
		case <-tick.C:
		case <-alarm.C:
		case <-quit:
			quit = nil
			a.stop.ask(causeQuit, scheduler.OutcomeLost, "the slot was told to end", boottime.Now()+a.clocks.grace)
		}
		a.report(progress, size)
		a.enforce(alarm)
	}
}

// enforce does what the clocks and the orders ask for.
func (a *attempt) enforce(alarm *time.Timer) {
	now := boottime.Now()
	a.stop.due(a.clocks, now)
	switch a.stop.step(now) {
	case actTerm:
		a.terminate()
	case actKill:
		a.kill()
	case actNone:
	}
	if next := a.stop.next(a.clocks); next != 0 {
		alarm.Reset(max(next-now, 0))
	}
}

// terminate asks the runner to end: all of a command's group, for it may be a
// shell; of Python only the one process, for it may need its workers to save.
func (a *attempt) terminate() {
	if !a.started.Load() {
		a.kill()
		return
	}
	pid := a.child.pid
	signalIf(pid, unix.SIGTERM, func(procStat) bool { return a.child.alive() })
	if a.command && a.child.alive() {
		// The group lives as long as its leader is not reaped.
		_ = unix.Kill(-pid, unix.SIGTERM)
	}
}

// kill ends the runner; end kills what is left when that is dead.
func (a *attempt) kill() {
	signalIf(a.child.pid, unix.SIGKILL, func(procStat) bool { return a.child.alive() })
}

func (a *attempt) obey(o given) {
	now := boottime.Now()
	switch o.Op {
	case opGo:
		a.handOver(o.files)
	case opExtend:
		a.clocks.deadline = max(a.clocks.deadline, o.Until)
	case opCancel:
		grace := o.Grace
		if grace < 0 {
			grace = a.clocks.grace
		}
		outcome := o.Outcome
		if outcome != scheduler.OutcomeReleased && outcome != scheduler.OutcomeLost {
			outcome = scheduler.OutcomeCancelled
		}
		a.stop.ask(causeCancel, outcome, orElse(o.Why, "cancelled"), now+grace)
	case opRevoke:
		a.stop.ask(causeRevoke, scheduler.OutcomeLost, "the lease is not ours any more", now)
	}
}

// handOver gives the child its call. From here on the job runs.
func (a *attempt) handOver(call []*os.File) {
	defer closeAll(call)
	if len(call) == 0 || a.started.Load() || a.stop.cause != causeNone {
		return
	}
	a.command = isCommand(call[0])
	a.started.Store(true)
	a.clocks.keep = a.grant.Keep // of a job that never started nothing would be lost, and nobody else would end it
	if a.grant.Timeout > 0 {
		a.clocks.timeoutAt = boottime.Now() + a.grant.Timeout
	}
	if err := a.child.line.send(map[string]string{"op": "go"}, descriptors(call)...); err != nil {
		a.log.Warn().Err(err).Msg("the call could not be handed over")
	}
}

// maxCallHeader bounds what isCommand reads of a call.
const maxCallHeader = 1 << 20

// isCommand looks at the start of a call's file, of which it reads no more
// than it must: the job is waiting. The file's offset stays.
func isCommand(call *os.File) bool {
	var h CallHeader
	err := json.NewDecoder(io.NewSectionReader(call, 0, maxCallHeader)).Decode(&h)
	return err == nil && h.Kind == CallCommand // what is wrong with a call, the runner will say
}

func (a *attempt) hear(m childMessage, progress *pace[json.RawMessage]) {
	switch m.Op {
	case childResult:
		a.result.hashAlong()
	case childRejected:
		a.rejected = plain.Line(orElse(m.Detail, "the result found no room"))
	}
	if len(m.Progress) > 0 && a.started.Load() {
		progress.put(m.Progress)
	}
}

// drain takes what the job said before it ended, and reports the last of it.
func (a *attempt) drain(progress *pace[json.RawMessage], size *pace[int64]) {
	// A process outside of the tree may hold the line open: no longer than this.
	limit := time.NewTimer(overdue)
	defer limit.Stop()
	for a.said != nil {
		// What is there is read at once; without a writer the end follows.
		_ = a.child.line.conn.SetReadDeadline(time.Now().Add(drainFor))
		select {
		case m, ok := <-a.said:
			if !ok {
				a.said = nil
				break
			}
			a.hear(m, progress)
		case <-limit.C:
			a.said = nil
		}
	}
	progress.hurry()
	size.hurry()
	a.report(progress, size)
}

// drainFor is how long the line may stay silent after the runner's end.
const drainFor = 50 * time.Millisecond

func (a *attempt) report(progress *pace[json.RawMessage], size *pace[int64]) {
	if value, ok := progress.take(); ok {
		a.emit(Event{Kind: EventProgress, Progress: value})
	}
	if n, ok := size.take(); ok {
		a.emit(Event{Kind: EventLog, LogSize: n})
	}
}
