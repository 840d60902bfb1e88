package api

import (
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// step is one event of a job's history. Its id is ATTEMPT.PLACE, and grows.
type step struct {
	step string
	Event
}

// history derives the events of a job from its record.
func history(job *scheduler.Job) []step {
	first := string(scheduler.Queued)
	if len(job.Attempts) == 0 && job.State == scheduler.Scheduled {
		first = string(scheduler.Scheduled)
	}
	steps := []step{{"0.1", Event{Job: job.ID, Kind: "submitted", State: scheduler.State(first), At: job.Submitted}}}
	for i := range job.Attempts {
		steps = append(steps, attemptSteps(job.ID, &job.Attempts[i])...)
	}
	if job.State.Final() {
		steps = append(steps, step{strconv.Itoa(len(job.Attempts)) + ".9", Event{
			Job: job.ID, Kind: string(job.State), State: job.State, At: job.EndedAt, Text: endText(job), Attempt: len(job.Attempts),
		}})
	}
	return append(steps, callbackSteps(job)...)
}

func attemptSteps(id scheduler.JobID, a *scheduler.Attempt) []step {
	n, on, simulated := strconv.Itoa(a.N), "on "+a.Host, gpu.AnySimulated(a.Devices)
	if simulated {
		on += " (simulated)"
	}
	steps := []step{{n + ".1", Event{Job: id, Kind: "leased", State: scheduler.Leased, At: a.Claimed, Attempt: a.N, Text: on, Simulated: simulated}}}
	if !a.Started.IsZero() {
		steps = append(steps, step{n + ".2", Event{Job: id, Kind: "running", State: scheduler.Running, At: a.Started, Attempt: a.N, Text: on, Simulated: simulated}})
	}
	if !a.Ended.IsZero() {
		steps = append(steps, step{n + ".3", Event{Job: id, Kind: "attempt_" + string(a.Outcome), At: a.Ended, Attempt: a.N, Text: a.Cause}})
	}
	return steps
}

func endText(job *scheduler.Job) string {
	switch job.State {
	case scheduler.Failed:
		return string(job.Reason) + ": " + job.Detail
	case scheduler.Cancelled:
		return "cancelled" + by(job.CancelBy)
	}
	return ""
}

// laterStep compares two ids of a history; one that cannot be read is before all.
func laterStep(a, b string) bool {
	a1, a2 := splitStep(a)
	b1, b2 := splitStep(b)
	return a1 > b1 || a1 == b1 && a2 > b2
}

func splitStep(id string) (int, int) {
	attempt, place, _ := strings.Cut(id, ".")
	n, err := strconv.Atoi(attempt)
	if err != nil {
		return 0, 0
	}
	p, err := strconv.Atoi(place)
	if err != nil {
		return n, 0
	}
	return n, p
}
