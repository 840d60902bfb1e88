package api

import (
	"encoding/json"
	"strings"

	"github.com/mlq-dev/mlq/scheduler"
)

// The predecessor's words for progress, and the values that stand for them in a
// job; between start and end it is what the function reported. It had no word for
// cancelled jobs, which are like failed ones in that they left nothing.
var (
	progressQueued    = progress{"[queued; not started]", "null"}
	progressStarted   = progress{"[started]", "0"}
	progressFailed    = progress{"[failed]", "-1"}
	progressCompleted = progress{"[completed]", "100"}
	progressCancelled = progress{"[cancelled]", "-1"}
)

// progress is how far a job is: for people, and as JSON for programs.
type progress struct{ text, value string }

// progressOf is how far a job is. A word is never a report of the function: one
// that reports 100, or -1, runs nevertheless, and its text is that number.
func progressOf(j *scheduler.Job) progress {
	switch {
	case j.State == scheduler.Succeeded:
		return progressCompleted
	case j.State == scheduler.Failed:
		return progressFailed
	case j.State == scheduler.Cancelled:
		return progressCancelled
	case j.State != scheduler.Running:
		return progressQueued
	case j.Progress == "":
		return progressStarted
	}
	return progress{reported(j.Progress), j.Progress}
}

// reported is a report as text: a text as it is, any other value as JSON.
func reported(value string) string {
	var text string
	if strings.HasPrefix(value, `"`) && json.Unmarshal([]byte(value), &text) == nil {
		return text
	}
	return value
}
