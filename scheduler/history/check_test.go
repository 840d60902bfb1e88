package history_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/mlq-dev/mlq/scheduler"
)

// patience is how long Porcupine may think about one job or device.
const patience = 20 * time.Second

// linearizable looks for an order of the calls of each job and each device
// that the models allow. last are the jobs' records after the last call.
func linearizable(calls []call, last map[scheduler.JobID]scheduler.Job) error {
	calls = completed(calls, last)
	for id, of := range byJob(calls) {
		if err := possible(jobModel, of); err != nil {
			return fmt.Errorf("job %d: %w", id, err)
		}
	}
	for uuid, of := range byDevice(calls, last) {
		if err := possible(deviceModel, of); err != nil {
			return fmt.Errorf("device %s: %w", uuid, err)
		}
	}
	return nil
}

func possible(m porcupine.Model, calls []call) error {
	ops := make([]porcupine.Operation, len(calls))
	for i, c := range calls {
		ops[i] = porcupine.Operation{Input: c, Call: c.called, Return: c.answered}
	}
	switch porcupine.CheckOperationsTimeout(m, ops, patience) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("no verdict on %d calls in %s", len(calls), patience)
	}
	slices.SortFunc(calls, func(a, b call) int { return int(a.called - b.called) })
	lines := make([]string, len(calls))
	for i, c := range calls {
		lines[i] = c.String()
	}
	return fmt.Errorf("no order of these calls gives these answers:\n%s", strings.Join(lines, "\n"))
}

// completed adds what no answer told: the fences of claims, the losses, and
// what a requeue made. A claim that left no attempt did nothing.
//
// A call whose commit is sent again can tell of what came after its own effect:
// a start that the job was cancelled meanwhile, a claim that its lease is over.
// Its effect is then a call of its own, within the same time.
func completed(calls []call, last map[scheduler.JobID]scheduler.Job) []call {
	var out []call
	for _, c := range calls {
		record := last[c.job]
		switch {
		case c.kind == claim && (c.answer == unknown || c.answer == "stale"):
			a := attempt(&record, func(a *scheduler.Attempt) bool { return a.ClaimID == c.claimID })
			if a == nil && c.answer == unknown {
				continue
			}
			if a != nil {
				out = append(out, effect(c, a.Fence))
			}
			if c.answer == unknown {
				continue
			}
		case c.kind == start && c.answer != ok, c.kind == cancel && c.already:
			out = append(out, effect(c, c.fence))
		case c.kind == requeue && (c.answer == unknown || c.answer == ok):
			if c.newJob = max(c.newJob, record.RequeuedAs); c.newJob == 0 {
				continue
			}
			out = append(out, call{kind: created, job: c.newJob, by: c.by, answer: c.answer, called: c.called, answered: c.answered})
		}
		out = append(out, c)
	}
	for id, record := range last {
		for _, a := range record.Attempts {
			if a.Outcome == scheduler.OutcomeLost {
				out = append(out, call{kind: lose, job: id, by: "-", fence: a.Fence, answer: ok, answered: math.MaxInt64})
			}
		}
	}
	return out
}

func effect(c call, fence uint64) call {
	c.answer, c.fence = unknown, fence
	return c
}

func attempt(j *scheduler.Job, is func(*scheduler.Attempt) bool) *scheduler.Attempt {
	for i := range j.Attempts {
		if is(&j.Attempts[i]) {
			return &j.Attempts[i]
		}
	}
	return nil
}

// byJob gives each job its calls. The joining of a process concerns all of them.
func byJob(calls []call) map[scheduler.JobID][]call {
	out := make(map[scheduler.JobID][]call)
	var joins []call
	for _, c := range calls {
		if c.kind == join {
			joins = append(joins, c)
			continue
		}
		out[c.job] = append(out[c.job], c)
	}
	for id := range out {
		out[id] = append(out[id], joins...)
	}
	return out
}

// byDevice gives each device the claims that got it and what ended them. An end
// without an answer counts only if the record says that it happened.
func byDevice(calls []call, last map[scheduler.JobID]scheduler.Job) map[string][]call {
	ends := map[kind]bool{finish: true, release: true, lose: true}
	out := make(map[string][]call)
	for _, c := range calls {
		if c.answer != ok && c.answer != unknown || c.kind != claim && !ends[c.kind] {
			continue
		}
		record := last[c.job]
		a := attempt(&record, func(a *scheduler.Attempt) bool { return a.Fence == c.fence })
		switch {
		case c.kind == claim:
		case a == nil || c.answer == unknown && a.Outcome != c.outcome:
			continue
		default:
			c.devices = a.Devices
		}
		for _, uuid := range c.devices {
			out[uuid] = append(out[uuid], c)
		}
	}
	return out
}
