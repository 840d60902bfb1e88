package api

import (
	"strconv"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// CallbackState tells how far a job's callback is.
type CallbackState struct {
	// State is waiting (for the job's end), sending, delivered or failed.
	State string          `json:"state"`
	Tries []TriedCallback `json:"tries"`
	// Next is when it is tried again at the earliest.
	Next time.Time `json:"next,omitzero"`
	// Why it was given up without a last try.
	Why string `json:"why,omitempty"`
}

// TriedCallback is one try to send a callback.
type TriedCallback struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"` // the status that was answered, or why there is none
}

// callback shows the job's callback.
func (w *Job) callback(j *scheduler.Job) {
	c := &j.Callback
	if c.URL == "" {
		return
	}
	w.Callback = &c.URL
	s := &CallbackState{State: callbackWord(j), Tries: make([]TriedCallback, len(c.Tries)), Why: c.Why}
	for i, t := range c.Tries {
		s.Tries[i] = TriedCallback(t)
	}
	if !c.Held {
		s.Next = c.Next
	}
	w.CallbackState = s
}

func callbackWord(j *scheduler.Job) string {
	switch {
	case j.Callback.State != "":
		return string(j.Callback.State)
	case j.State.Final():
		return "sending"
	}
	return "waiting"
}

// callbackSteps are the tries in the job's history, behind its end (place 9).
func callbackSteps(j *scheduler.Job) (steps []step) {
	n := len(j.Attempts)
	for i, t := range j.Callback.Tries {
		steps = append(steps, step{strconv.Itoa(n) + "." + strconv.Itoa(10+i), Event{
			Job: j.ID, Kind: kindCallback, State: j.State, At: t.At, Text: t.Text, Attempt: n,
		}})
	}
	return steps
}

// kindCallback is the kind of these events, and their name in the stream: who
// follows the states of a job need not know them.
const kindCallback = "callback"

// name is that of the event in the stream.
func (s *step) name() string {
	if s.Kind == kindCallback {
		return kindCallback
	}
	return "state"
}
