package gpu

import (
	"fmt"
	"time"
)

// FreshFor is how long a sample counts; after that nothing is known.
const FreshFor = 15 * time.Second

// KeepSamples is how many samples of a device Decide wants to see: enough for
// three looks that are apart, with looks on demand between them.
const KeepSamples = 8

// Evidence is everything that Decide may know of a device. Providers and
// agents fill in what they have; a rule that needs more adds a field here, and
// callers that do not know it stay as they are.
type Evidence struct {
	// Samples of the device, oldest first; what is ours among the processes is marked.
	Samples []Sample
	// Lease is ours on this device, nil if there is none.
	Lease *Holding
	// Clearing: a lease of ours has ended and its processes are not yet all
	// dead, or its slot has not yet given the device back.
	Clearing bool
	// ClearingSince is the CLOCK_BOOTTIME at which Clearing began.
	ClearingSince time.Duration
	// Ended is the CLOCK_BOOTTIME at which the last lease of ours ended here, with
	// all its processes dead; 0: the device was free since (Decide said so), or had
	// none.
	Ended time.Duration
	// Locked: another process holds the device's lock file. LockedBy names it in
	// words, "" if it is not known.
	Locked   bool
	LockedBy string
	// Drained: who closed the device and why, "" while it is open.
	Drained string
	// Detached: who took the driver away from the agent, "" while it has it.
	Detached string
	Health   Health
	// Tolerate is how much memory processes that are not ours may have, together,
	// without making the device foreign; bytes.
	Tolerate int64
	// Baseline is the least that was seen in use without any process; bytes. It
	// counts where a sample has the driver's reserve in it, and for a display.
	// Learn keeps it.
	Baseline int64
}

// Holding is a lease of ours as the host sees it.
type Holding struct {
	Job int64
}

// Verdict is what Decide says, with the reason in words ("" when free).
type Verdict struct {
	State  State
	Reason string
}

// rules are asked in this order; the first that has an answer decides.
// Without data nothing else is believed; an admin's word comes before what is
// seen on an idle device.
var rules = []func(Device, Evidence, time.Duration) (Verdict, bool){
	unknown, leased, clearing, drained, foreign,
}

// Decide judges a device from what was seen and what we hold, at the time now
// (CLOCK_BOOTTIME, as the samples). It is pure, and the only place that
// decides whether a device may be leased.
func Decide(d Device, e Evidence, now time.Duration) Verdict {
	for _, rule := range rules {
		if v, ok := rule(d, e, now); ok {
			return v
		}
	}
	return Verdict{State: Free}
}

func unknown(_ Device, e Evidence, now time.Duration) (Verdict, bool) {
	last, ok := latest(e.Samples)
	switch {
	case !ok:
		return Verdict{Unknown, "not looked at yet"}, true
	case last.Err != "":
		return Verdict{Unknown, "the driver says: " + last.Err}, true
	case now-last.At > FreshFor:
		return Verdict{Unknown, fmt.Sprintf("last looked at %v ago", (now - last.At).Round(time.Second))}, true
	}
	return Verdict{}, false
}

func leased(_ Device, e Evidence, _ time.Duration) (Verdict, bool) {
	if e.Lease == nil {
		return Verdict{}, false
	}
	reason := fmt.Sprintf("runs job %d", e.Lease.Job)
	if p, ok := stranger(e); ok {
		reason += "; also used by " + describe(p)
	}
	return Verdict{Leased, reason}, true
}

func clearing(_ Device, e Evidence, _ time.Duration) (Verdict, bool) {
	return Verdict{Clearing, "the last job's processes are not gone yet"}, e.Clearing
}

func drained(_ Device, e Evidence, _ time.Duration) (Verdict, bool) {
	return Verdict{Drained, e.Drained}, e.Drained != ""
}

func foreign(_ Device, e Evidence, _ time.Duration) (Verdict, bool) {
	if p, ok := stranger(e); ok {
		return Verdict{Foreign, "used by " + describe(p)}, true
	}
	return Verdict{Foreign, "its lock file is held by " + orElse(e.LockedBy, "another process")}, e.Locked
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// stranger is the first process of the latest sample that no lease of ours owns.
func stranger(e Evidence) (Process, bool) {
	last, _ := latest(e.Samples)
	for _, p := range last.Processes {
		if e.Lease == nil || !p.Ours {
			return p, true
		}
	}
	return Process{}, false
}

func describe(p Process) string {
	return fmt.Sprintf("process %d (%s) of user %d with %d MiB", p.PID, p.Name, p.UID, p.Memory>>20)
}

func latest(samples []Sample) (Sample, bool) {
	if len(samples) == 0 {
		return Sample{}, false
	}
	return samples[len(samples)-1], true
}
