package slot

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
	"golang.org/x/sys/unix"
)

// facts are all that is known when the tree of an attempt is dead.
type facts struct {
	status   syscall.WaitStatus // of the runner
	stop     stopping
	header   *envelope.Header // what the runner wrote, nil if nothing
	broken   error            // why that is no envelope
	size     int64            // of what it wrote
	limit    int64            // of that
	rejected string           // the runner found no room for its result
	command  bool             // the call was a command, whose exit code is the result
	orphaned bool             // the interpreter that the runner was forked from is dead
	starved  starvation       // whose want of memory the kernel killed it for
	memory   int64            // that a job may have here, in bytes; 0: all
}

// verdict is how an attempt ended.
type verdict struct {
	outcome scheduler.Outcome
	reason  scheduler.Reason
	detail  string
	keep    bool // the envelope that was written belongs to it
}

// judge decides how an attempt ended.
func judge(f facts) verdict {
	if v, stopped := judgeStop(f); stopped {
		return v
	}
	if v, rejected := judgeResult(f); rejected {
		return v
	}
	switch {
	case f.status.Signaled():
		return judgeSignal(f)
	case f.header != nil && f.header.Kind == envelope.KindError && f.status.ExitStatus() != 0:
		return judgeError(f.header)
	case f.header != nil && f.header.Kind == envelope.KindResult && f.status.ExitStatus() == 0:
		return verdict{outcome: scheduler.OutcomeSucceeded, keep: true}
	case f.command:
		return judgeCommand(f.status.ExitStatus())
	}
	return failed(scheduler.ReasonError, fmt.Sprintf(
		"the process ended itself with exit code %d before it handed back a result", f.status.ExitStatus()))
}

// judgeStop: who stopped the attempt decides, whatever the runner made of it.
// Only a lease that was not renewed takes no result away: the store decides.
func judgeStop(f facts) (verdict, bool) {
	if f.stop.cause == causeNone {
		return verdict{}, false
	}
	finished := f.status.Exited() && f.status.ExitStatus() == 0
	if f.stop.cause == causeDeadline && finished {
		return verdict{}, false
	}
	v := verdict{outcome: f.stop.outcome, detail: f.stop.why}
	if v.outcome == scheduler.OutcomeTimedOut {
		v.reason = scheduler.ReasonTimeout
	}
	return v, true
}

// judgeResult: what was written but cannot be kept.
func judgeResult(f facts) (verdict, bool) {
	switch {
	case f.rejected != "":
		return failed(scheduler.ReasonRejected, f.rejected), true
	case f.size > f.limit:
		return failed(scheduler.ReasonRejected, fmt.Sprintf(
			"the result has %d bytes, and %d are allowed", f.size, f.limit)), true
	case f.broken != nil && errors.Is(f.broken, envelope.ErrInvalid) && f.status.Exited():
		return failed(scheduler.ReasonRejected, fmt.Sprintf("the result is broken: %v", f.broken)), true
	case f.broken != nil && f.status.Exited():
		return failed(scheduler.ReasonRejected, fmt.Sprintf("the result could not be read: %v", f.broken)), true
	}
	return verdict{}, false
}

func judgeSignal(f facts) verdict {
	switch sig := f.status.Signal(); {
	case sig == unix.SIGKILL && f.starved != starvedOfNone:
		return judgeStarved(f)
	case sig == unix.SIGKILL && f.orphaned:
		return failed(scheduler.ReasonKilled, "killed by SIGKILL: the interpreter that it was forked from was ended")
	case sig == unix.SIGKILL:
		return failed(scheduler.ReasonKilled,
			"killed by SIGKILL, which nobody here sent: most likely the host ran out of memory")
	default:
		return failed(scheduler.ReasonKilled, describe(f.status))
	}
}

func judgeStarved(f facts) verdict {
	switch f.starved {
	case starvedOfOwn:
		return failed(scheduler.ReasonOOM, fmt.Sprintf(
			"killed by SIGKILL: a job may have %d MiB of memory here, and it used more", f.memory>>20))
	case starvedOfEither:
		return failed(scheduler.ReasonOOM, fmt.Sprintf(
			"killed by SIGKILL: it used more than the %d MiB of memory that a job may have here, or the host ran out of it",
			f.memory>>20))
	}
	return failed(scheduler.ReasonOOM, "killed by SIGKILL: the host ran out of memory")
}

func judgeError(h *envelope.Header) verdict {
	reason, detail := h.Failure()
	v := failed(scheduler.Reason(reason), detail)
	v.keep = true
	return v
}

func judgeCommand(code int) verdict {
	if code == 0 {
		return verdict{outcome: scheduler.OutcomeSucceeded, keep: true}
	}
	v := failed(scheduler.ReasonError, fmt.Sprintf("the command ended with exit code %d", code))
	v.keep = true
	return v
}

func failed(reason scheduler.Reason, detail string) verdict {
	return verdict{outcome: scheduler.OutcomeFailed, reason: reason, detail: detail}
}

// signalWords are for those who do not know them by name.
var signalWords = map[syscall.Signal]string{
	unix.SIGSEGV: "a bad memory access in native code",
	unix.SIGBUS:  "a bad memory access: often a mapped file that was cut, or a full /dev/shm",
	unix.SIGABRT: "native code gave up",
	unix.SIGFPE:  "an arithmetic error in native code",
	unix.SIGILL:  "an instruction that this processor does not have",
	unix.SIGXCPU: "its limit of processor time",
	unix.SIGXFSZ: "its limit of file size",
}

// describe says in words how a process ended.
func describe(s syscall.WaitStatus) string {
	if !s.Signaled() {
		return fmt.Sprintf("exit code %d", s.ExitStatus())
	}
	text := "died of " + unix.SignalName(s.Signal())
	if words := signalWords[s.Signal()]; words != "" {
		text += " (" + words + ")"
	}
	return text
}

// commandResult is the envelope of a command that ended with this code.
func commandResult(code int) ([]byte, error) {
	if code == 0 {
		return envelope.Encode(envelope.Header{Kind: envelope.KindResult, Value: envelope.ValueJSON, Short: "0"},
			envelope.Part{Name: "view", Data: []byte("0")})
	}
	text := fmt.Sprintf("the command ended with exit code %d", code)
	return envelope.Encode(envelope.Header{
		Kind: envelope.KindError, Type: "mlq.CommandFailed",
		Message: text, Reason: string(scheduler.ReasonError), Short: text,
	})
}
