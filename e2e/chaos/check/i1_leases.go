package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// withinLease is I1 too: what runs has an attempt on record, runs where that one was
// leased, begins after its start was committed, and is gone before its end is. Jobs that
// another rule found wrong are left out: what is wrong with them is told already.
func withinLease(h *history, found []Violation) (out []Violation) {
	for _, id := range sorted(h.lives) {
		if told(found, id) {
			continue
		}
		for _, l := range h.lives[id] {
			if text := h.unleased(l); text != "" {
				out = append(out, violation("I1", id, "%s: %s", l, text))
			}
		}
	}
	return out
}

// unleased says what is wrong with an attempt that lived, by its lease; "": nothing. A start
// is committed before the process has its call, and its time on record is that of what the
// commit rests on, so no later. An end is told when the process is gone, and what is reaped
// has ended itself long before. Nothing is granted but clockSlack, by which two clocks differ,
// and to the end what foreseen says.
func (h *history) unleased(l *life) string {
	a := h.attemptOf(l)
	switch {
	case a == nil:
		return h.unrecorded(l)
	case a.Host != l.host || !slices.Equal(slices.Sorted(slices.Values(a.Devices)), slices.Sorted(slices.Values(l.devices))):
		return "its lease is of " + a.Host + " " + fmt.Sprint(a.Devices)
	}
	return h.wrong(a, func(r reading) string { return h.outside(a, r, l) })
}

// outside says how an attempt lived outside of its lease, as its times are read.
func (h *history) outside(a *record.Attempt, r reading, l *life) string {
	switch last := h.lastOf(l); {
	case r.started == 0 && !h.startLost(r, l):
		return "it was never started, as the store has it"
	case l.from < r.started-clockSlack && !h.startLost(r, l):
		return "it began " + since(l.from, r.started) + " before its start, as the store has it"
	case r.ended != 0 && last > r.ended+foreseen(a, r, l)+clockSlack && !h.believed(last):
		return "it ran for " + since(r.ended, last) + " after its lease had ended (" + a.Outcome + ")"
	}
	return ""
}

// unrecorded is unleased for an attempt that no record has: that of a claim that the store
// lost. What it let run ends as any lease that is not renewed.
func (h *history) unrecorded(l *life) string {
	until := h.lostUntil(l)
	switch {
	case until == 0:
		return "no attempt on record has this fence"
	case h.World.RecoveryNS != 0 && h.lastOf(l) > until+h.World.RecoveryNS:
		return "no attempt on record has this fence, and it ran for " + since(until, h.lastOf(l)) + " after the store had lost it"
	}
	return ""
}

// lostUntil is when the store had lost what it acknowledged when it granted an attempt; 0: it
// never did. The fence of a claim is the store's time in µs, or more after one that was more,
// so that it was made then or later.
func (h *history) lostUntil(l *life) (until int64) {
	made := span{min(h.earliest(int64(l.fence)*int64(time.Microsecond))-clockSlack, l.from), l.from}
	for _, i := range h.Intervals {
		if i.Kind == record.Loss && i.FromNS <= made.to && made.from <= i.ToNS {
			until = max(until, i.ToNS)
		}
	}
	return until
}

// foreseen is by how much the end on record may be too early. Who has committed the start
// and then commits the end reads nothing in between, and counts the time from when the start
// was answered (scheduler/recall.go): it is behind by what that answer took. The process had
// its call after it, and the start is on record with a time before it. (So with the length of
// a log that was committed in between: jobs of the workload write theirs at their end.)
// The reaper reads the job, and the store's time with it.
func foreseen(a *record.Attempt, r reading, l *life) int64 {
	if r.started == 0 || strings.HasPrefix(a.Cause, reaped) {
		return 0
	}
	return max(0, l.from-r.started)
}

// reaped begins the cause of each attempt that the reaper ended (scheduler/reaper.go).
const reaped = "its agent fell silent"

// startLost: the store may have lost the start that an attempt began with.
func (h *history) startLost(r reading, l *life) bool {
	return h.during(record.Loss, "", span{r.claimed, l.from})
}

// attemptOf is the attempt on record with the fence of one that lived; nil: none.
func (h *history) attemptOf(l *life) *record.Attempt {
	j := h.jobs[l.job]
	if j == nil {
		return nil
	}
	i := slices.IndexFunc(j.Attempts, func(a record.Attempt) bool { return a.Fence == l.fence })
	if i < 0 {
		return nil
	}
	return &j.Attempts[i]
}

// lastOf is when an attempt last lived without the excuse that its host stood still; 0: never.
func (h *history) lastOf(l *life) (last int64) {
	for _, s := range h.spans(l) {
		last = max(last, s.to)
	}
	return last
}

// believed: an agent may have believed in its leases then although the store that there is
// now had let them go: another had acknowledged its heartbeat, and was losing it.
func (h *history) believed(at int64) bool {
	return slices.ContainsFunc(h.Intervals, func(i record.Interval) bool {
		return i.Kind == record.Loss && i.FromNS <= at && at <= i.ToNS+h.World.BelieveNS
	})
}

// told: a job has a violation already.
func told(found []Violation, id int64) bool {
	return slices.ContainsFunc(found, func(v Violation) bool { return v.Job == id })
}

// since is a time between two moments, in words.
func since(from, to int64) string { return time.Duration(to - from).Round(time.Millisecond).String() }
