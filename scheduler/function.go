package scheduler

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Function is a listener function that a user registered under a name.
type Function struct {
	Name       string    `json:"name"`
	SHA256     string    `json:"sha256"`           // of its pickle, a blob that no server reads but for the name
	Size       int64     `json:"size"`             // bytes
	Python     string    `json:"python,omitempty"` // "3.11": the minor that pickled it; "" unknown
	Registered time.Time `json:"registered"`

	Form Form `json:"form,omitempty"`
	// Keep: it runs in a process that keeps it loaded, which is a job of its own.
	Keep bool `json:"keep,omitempty"`
	// Idle is how long that process may wait for a message before it ends.
	Idle     time.Duration `json:"idle,omitempty"`
	Filename string        `json:"filename,omitempty"` // of a source, for tracebacks
	// Request is the body that the process's job is submitted with.
	Request json.RawMessage `json:"request,omitempty"`
	// Class is what that job needs, as text; "" of a store from before it was kept.
	Class   string  `json:"class,omitempty"`
	Unix    string  `json:"unix,omitempty"` // the account of who registered it
	Process Process `json:"process,omitzero"`
	// Signature of the server that registered it (signed.go).
	Signature []byte `json:"sig,omitempty"`
}

// Form is what is kept of a function.
type Form string

// The forms of functions.
const (
	FormPickle Form = ""       // its cloudpickle
	FormSource Form = "source" // Python source with a function of that name
	FormLocal  Form = "local"  // its name: a process that says that it has it runs it
)

// Process is the process of a kept function, or the last one.
type Process struct {
	Generation int   `json:"g,omitempty"` // counts the processes since the function was registered
	Job        JobID `json:"j,omitempty"` // 0: it was not submitted yet
	Failures   int   `json:"f,omitempty"` // of the generations before it, without a success between
}

// Next decides what becomes of the process of a function for which messages wait that
// no consumer takes: job is its job, nil where that is not known any more. begin: a
// new generation is to be noted; submit: its job is to be submitted.
func (p Process) Next(job *Job, now time.Time, t Timing) (next Process, begin, submit bool) {
	switch {
	case p.Generation == 0:
		return Process{Generation: 1}, true, true
	case p.Job == 0:
		return p, false, true
	case job == nil || job.State == Succeeded:
		return Process{Generation: p.Generation + 1}, true, true
	case !job.State.Final() || now.Before(p.Again(job, t)):
		return p, false, false
	}
	return Process{Generation: p.Generation + 1, Failures: p.Failures + 1}, true, true
}

// Again is when the process is started again after its job failed or was cancelled.
func (p Process) Again(job *Job, t Timing) time.Time {
	return job.EndedAt.Add(backoff(t, job.ID, p.Failures+1))
}

// Consumed reports whether messages for the function go to consumers.
func (f *Function) Consumed() bool { return f.Keep || f.Form == FormLocal }

// AnyFunction stands in Job.Awaits for a message to all functions of a user who
// has none. No function can have this name.
const AnyFunction = "*"

// functionRule: a Python name, also one of a lambda or of a method.
var functionRule = regexp.MustCompile(`^[\p{L}_<][\p{L}\p{M}\p{N}_.<>]*$`)

// maxFunctionName is the longest name of a function in bytes.
const maxFunctionName = 128

// FunctionName reports whether a function can be registered under this name.
func FunctionName(name string) bool {
	return len(name) <= maxFunctionName && functionRule.MatchString(name)
}

// MissingFunctions are those of the names that are not registered; where there
// are no names, all functions are meant, and AnyFunction is missing if there is none.
func MissingFunctions(names []string, registered []Function) []string {
	if names == nil && len(registered) == 0 {
		return []string{AnyFunction}
	}
	var missing []string
	for _, name := range names {
		if !named(registered, name) && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	return missing
}

func named(registered []Function, name string) bool {
	return slices.ContainsFunc(registered, func(f Function) bool { return f.Name == name })
}

// AwaitsInWords says what a message waits for.
func AwaitsInWords(missing []string) string {
	switch {
	case slices.Equal(missing, []string{AnyFunction}):
		return "no function is registered that could take it"
	case len(missing) == 1:
		return fmt.Sprintf("function %s is not registered", missing[0])
	}
	return fmt.Sprintf("functions %s are not registered", strings.Join(missing, ", "))
}

// pythonOf is the Python minor that a message's functions need, "" where none of
// them says. Two that need different ones can never run in one process.
func pythonOf(names []string, registered []Function) (string, error) {
	var first Function
	for _, f := range registered {
		switch {
		case f.Python == "" || names != nil && !slices.Contains(names, f.Name):
		case first.Python == "":
			first = f
		case f.Python != first.Python:
			return "", &FieldError{"functions", fmt.Sprintf(
				"%s was registered from Python %s and %s from %s; register them again from one", first.Name, first.Python, f.Name, f.Python)}
		}
	}
	return first.Python, nil
}

// lane is who takes a message.
type lane struct {
	need   Need
	awaits []string // functions that have to be registered first
}

// laneOf decides who takes a message of a user: the processes that have its functions,
// where one of them is in such a process only, else hosts, with what its request asks of
// one. It is pure, and asked again when the message enters the queue.
func laneOf(user string, asked Need, names []string, registered []Function) (l lane, err error) {
	l.need, l.awaits = asked, MissingFunctions(names, registered)
	if consumedBy(names, registered) {
		if len(l.awaits) == 0 {
			l.need = ConsumerNeed(user, names)
		}
		if len(l.need.String()) > maxClassBytes {
			err = &FieldError{"functions", "their names are too long together"}
		}
		return l, err
	}
	l.need.Call, err = pythonOf(names, registered)
	return l, err
}

// keptFor is the function whose process the server starts for messages to these
// functions (none: to all); nil: it starts none, as none has more than one function.
func keptFor(names []string, registered []Function) *Function {
	if len(names) == 0 {
		names = namesOf(registered)
	}
	if len(names) != 1 {
		return nil
	}
	i := slices.IndexFunc(registered, func(f Function) bool { return f.Keep && f.Name == names[0] })
	if i < 0 {
		return nil
	}
	return &registered[i]
}

func consumedBy(names []string, registered []Function) bool {
	return slices.ContainsFunc(registered, func(f Function) bool {
		return f.Consumed() && (names == nil || slices.Contains(names, f.Name))
	})
}
