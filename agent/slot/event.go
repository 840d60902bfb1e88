package slot

import (
	"encoding/json"

	"github.com/mlq-dev/mlq/scheduler"
)

// EventKind says what a slot reports.
type EventKind string

// The kinds of events. The strings are the op words of docs/slot.md.
const (
	// EventForked: a process waits for its call, which is handed over by Go.
	EventForked EventKind = "forked"
	// EventProgress: the job reported Progress. At most 4 a second, the last one always.
	EventProgress EventKind = "progress"
	// EventLog: the log file has grown to LogSize.
	EventLog EventKind = "log"
	// EventEnded: the attempt is over; see Ended.
	EventEnded EventKind = "ended"
	// EventError: the grant could not be carried out and nothing of the job
	// ran: release it, for the cause in Detail. The slot has let go of the locks.
	EventError EventKind = "error"
)

// Event is what a slot reports of an attempt.
type Event struct {
	Kind     EventKind       `json:"op"`
	Job      scheduler.JobID `json:"job"`
	Fence    uint64          `json:"fence"`
	PID      int             `json:"pid,omitempty"`      // forked
	Log      string          `json:"log,omitempty"`      // forked: path of the log file, which grows by appending only
	Progress json.RawMessage `json:"progress,omitempty"` // progress: one JSON value, at most 4 KiB
	LogSize  int64           `json:"log_size,omitempty"` // log: bytes
	Detail   string          `json:"detail,omitempty"`   // error: in words
	Ended    *Ended          `json:"ended,omitempty"`    // ended
}

// Ref names the lease that the event is about.
func (e *Event) Ref() scheduler.LeaseRef {
	return scheduler.LeaseRef{Job: e.Job, Fence: e.Fence}
}

// Ended is how an attempt ended. When it is reported, all processes of its
// tree are dead, its result and log are in the spool, and the slot has
// let go of the locks. Its files stay until Done.
type Ended struct {
	// Outcome is succeeded, failed, timed_out, cancelled or released; or lost,
	// when the lease's deadline, a revoke or the death of the slot ended it.
	Outcome scheduler.Outcome `json:"outcome"`
	Reason  scheduler.Reason  `json:"reason,omitempty"` // of failed
	// Detail is one line in words: the exception, the signal, who cancelled.
	Detail   string `json:"detail,omitempty"`
	ExitCode int    `json:"exit_code"` // -1 if it died of Signal or never ran
	Signal   string `json:"signal,omitempty"`
	Started  bool   `json:"started"` // the call had been handed over
	// Result is the spooled envelope: of kind result if succeeded, of kind
	// error if failed with an exception; nil where there is none.
	Result *Result `json:"result,omitempty"`
	// Files is what lay in out/, in order of name. They are only paths that
	// were regular files when the tree was dead: open them with OpenOut.
	Files []OutFile `json:"files,omitempty"`
	// Left says in words what of out/ was not taken, "" if nothing.
	Left string `json:"left,omitempty"`
	// LogLost says in words why the log file has not all of the output, "" if it has: it ends where it was cut.
	LogLost string `json:"log_lost,omitempty"`
	Log     string `json:"log"` // path of the log file
	LogSize int64  `json:"log_size"`
}

// Result is a spooled envelope.
type Result struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"` // hex
	Size   int64  `json:"size"`
	Short  string `json:"short,omitempty"` // from the envelope's header, valid UTF-8
}

// OutFile is a regular file of out/.
type OutFile struct {
	Name string `json:"name"` // relative to out/, with slashes, valid UTF-8
	Size int64  `json:"size"`
}

// State is what a slot says first on every connection.
type State struct {
	Protocol int    `json:"protocol"` // Protocol of the slot's build
	Version  string `json:"version"`  // of the slot's build
	Runner   string `json:"runner"`   // folder of the Python files that it runs jobs with
	Device   string `json:"device"`
	PID      int    `json:"pid"`
	// Attempt is the one that the slot has or had, nil if none: adopt it, and
	// send Done when its end is committed or refused. Vars and Token are empty.
	Attempt *Grant `json:"attempt,omitempty"`
	// Running: the call was handed over.
	Running bool   `json:"running,omitempty"`
	Log     string `json:"log,omitempty"` // path of the attempt's log
	// Ended is set when the attempt is over. It is not sent as an event again.
	Ended *Ended `json:"ended,omitempty"`
}
