package slot

import (
	"context"
	"errors"
	"time"

	"github.com/mlq-dev/mlq/internal/plain"
	"github.com/mlq-dev/mlq/scheduler"
	"golang.org/x/sys/unix"
)

// end comes after the runner: the tree is cleared, what it wrote is judged and
// spooled, out/ is listed. When it returns the locks are free.
func (a *attempt) end(ctx context.Context) *Ended {
	a.noteMemory()
	a.clear(ctx)
	abandon := make(chan struct{})
	timer := time.AfterFunc(overdue, func() { close(abandon) })
	size, lost := a.capture.finish(abandon)
	timer.Stop()
	if lost != nil {
		a.log.Error().Err(lost).Msg("part of the job's output is lost")
	}
	ended := a.judge()
	if lost != nil {
		ended.LogLost = plain.Line(lost.Error())
		if takesNothing(lost) {
			ended.LogLost = spoolFull
		}
	}
	ended.Log, ended.LogSize = a.logFile.Name(), size
	var err error
	if ended.Files, ended.Left, err = collectOut(a.grant.JobDir); err != nil {
		ended.Left = err.Error()
	}
	a.release()
	return ended
}

// clear kills what is left of the tree. It goes on even when the slot is told
// to end, for no device may be handed on before.
func (a *attempt) clear(ctx context.Context) {
	if err := a.clearGroup(ctx); err != nil {
		a.log.Error().Err(err).Msg("cannot end the job's control group")
	}
	if err := a.slot.tree.clear(context.WithoutCancel(ctx)); err != nil {
		a.log.Error().Err(err).Msg("cannot look for the job's processes")
	}
}

func (a *attempt) judge() *Ended {
	f := facts{
		status: a.child.status, stop: a.stop, limit: a.slot.options.MaxResult,
		starved: a.starved, memory: a.memoryLimit(), rejected: a.rejected, command: a.command, orphaned: a.orphaned(),
	}
	if info, err := a.result.file.Stat(); err == nil {
		f.size = info.Size()
	}
	f.header, f.broken = a.result.header()
	v := judge(f)
	ended := &Ended{Outcome: v.outcome, Reason: v.reason, Detail: v.detail, Started: a.started.Load(), ExitCode: -1}
	if f.status.Exited() {
		ended.ExitCode = f.status.ExitStatus()
	} else if f.status.Signaled() {
		ended.Signal = unix.SignalName(f.status.Signal())
	}
	if v.keep {
		a.keep(f, ended)
	}
	return ended
}

// keep spools the envelope. Without room for it the attempt has failed.
func (a *attempt) keep(f facts, ended *Ended) {
	result, err := a.spoolResult(f)
	if err != nil {
		a.log.Error().Err(err).Msg("result cannot be spooled")
		ended.Outcome, ended.Reason = scheduler.OutcomeFailed, scheduler.ReasonRejected
		ended.Detail = "the result could not be kept: " + err.Error()
		if takesNothing(err) {
			ended.Detail = spoolFull
		}
		return
	}
	ended.Result = result
}

// takesNothing: the disk has no room.
func takesNothing(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

const spoolFull = "the host's spool is full"

func (a *attempt) spoolResult(f facts) (*Result, error) {
	if f.header == nil { // a command: the code is the result
		data, err := commandResult(f.status.ExitStatus())
		if err != nil {
			return nil, err
		}
		if err := a.result.replace(data); err != nil {
			return nil, err
		}
	}
	result, err := a.slot.spool.keep(a.result, a.grant.Ref())
	if err != nil {
		return nil, err
	}
	h, err := a.result.header()
	if err != nil {
		return nil, err
	}
	result.Short = h.ShortText()
	return result, nil
}
