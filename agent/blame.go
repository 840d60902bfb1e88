package agent

import (
	"slices"
	"strings"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

// maxNotes bounds what is told of the devices of one attempt: a card that fails
// says the same thing many times.
const maxNotes = 3

// note remembers what the driver said of a device of this attempt.
func (t *attempt) note(words string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.notes) < maxNotes && !slices.Contains(t.notes, words) {
		t.notes = append(t.notes, words)
	}
}

// noted adds to how an attempt ended what the driver said meanwhile: that of a
// failed one is part of its error.
func (t *attempt) noted(v verdict) verdict {
	t.mu.Lock()
	defer t.mu.Unlock()
	v.finish.Detail = withNotes(v.finish.Detail, t.notes)
	return v
}

// withNotes is pure.
func withNotes(detail string, notes []string) string {
	said := slices.Clone(notes)
	if detail != "" {
		said = slices.Insert(said, 0, detail)
	}
	return strings.Join(said, "; ")
}

// lose ends an attempt whose device is gone: its processes are stopped, and it
// counts as lost.
func (t *attempt) lose(why string) {
	t.mu.Lock()
	first := t.lost == ""
	if first {
		t.lost = why
	}
	t.mu.Unlock()
	if first {
		t.stopOpening(&lostDeviceError{why})
		t.inbox.put(message{lost: why})
	}
}

// lostFor is why the attempt was ended for its device, "" if it was not.
func (t *attempt) lostFor() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lost
}

// lostDeviceError: a device of the attempt is gone.
type lostDeviceError struct{ why string }

func (e *lostDeviceError) Error() string { return e.why }

// stopLost is how the slot is told that an attempt is ended for its device.
func stopLost(why string) slot.Stop {
	return slot.Stop{Outcome: scheduler.OutcomeLost, Why: why, Grace: -1}
}
