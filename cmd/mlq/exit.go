package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// Exit codes. `mlq run` passes on the code of its command instead.
const (
	exitFailed = 1  // it did not work, or the job failed
	exitUsage  = 2  // the command line is wrong
	exitConfig = 78 // the configuration is wrong (EX_CONFIG): starting again does not help
	exitSignal = 128
)

// exit is an error that says which code the process ends with.
type exit struct {
	code int
	err  error  // nil: nothing more to say
	hint string // what to do about it, "" if there is nothing
}

// Error gives the reason.
func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

// Unwrap gives the reason.
func (e *exit) Unwrap() error { return e.err }

// usage refuses a command line.
func usage(format string, args ...any) *exit {
	return &exit{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// misconfigured refuses a configuration.
func misconfigured(format string, args ...any) *exit {
	return &exit{code: exitConfig, err: fmt.Errorf(format, args...)}
}

// failed is an error that starting again may mend.
func failed(format string, args ...any) *exit {
	return &exit{code: exitFailed, err: fmt.Errorf(format, args...)}
}

// with adds a hint.
func (e *exit) with(hint string, args ...any) *exit {
	e.hint = fmt.Sprintf(hint, args...)
	return e
}

// report writes an error as people read it, one line and a hint, and returns
// the exit code.
func report(io streams, err error) int {
	if err == nil {
		return 0
	}
	e := classify(err)
	if e.err != nil {
		fmt.Fprintln(io.err, "mlq:", visible(oneLine(e.err.Error()))) // a server quotes names of models, reasons of admins
	}
	if e.hint != "" {
		fmt.Fprintln(io.err, "hint:", visible(e.hint))
	}
	return e.code
}

// classify finds the exit code and hint of an error that has none yet.
func classify(err error) *exit {
	var e *exit
	var s signalled
	var problem *api.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &s):
		return signalCode(s)
	case errors.Is(err, redisstore.ErrConfig):
		return &exit{code: exitConfig, err: err}
	case errors.Is(err, localstore.ErrDamaged):
		return misconfigured("%w", err).with("move the folder away and restore a backup (mlq restore): docs/recovery.md, Damaged files")
	case errors.Is(err, scheduler.ErrNewerSchema):
		return misconfigured("%w", err).with("use that version or a newer one; to go back, restore a backup from before the upgrade (mlq restore)")
	case errors.Is(err, scheduler.ErrOlderSchema):
		return failed("%w", err).with("start the servers of this version first: they migrate the store")
	case errors.Is(err, scheduler.ErrRestoring):
		return misconfigured("%w: mlq restore did not finish", err).with("run mlq restore again; it begins anew")
	case errors.As(err, &problem):
		return &exit{code: exitFailed, err: err, hint: hintFor(problem)}
	case errors.Is(err, context.Canceled):
		return signalCode(signalled{syscall.SIGINT})
	}
	return &exit{code: exitFailed, err: err}
}

// signalCode is what a shell makes of a process that a signal ended.
func signalCode(s signalled) *exit {
	if number, ok := s.Signal.(syscall.Signal); ok {
		return &exit{code: exitSignal + int(number)}
	}
	return &exit{code: exitFailed, err: s}
}

func hintFor(e *api.Error) string {
	switch e.Code {
	case api.CodeUnauthorized:
		return "give a token with --token-file FILE or in MLQ_TOKEN"
	default:
		return ""
	}
}

func oneLine(text string) string {
	return strings.Join(strings.Fields(strings.TrimSpace(text)), " ")
}
