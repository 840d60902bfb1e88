package gpu

import "time"

// FreshFor is how long a sample counts; after that nothing is known.
const FreshFor = 15 * time.Second

// Apart is how far two looks have to lie apart to count as two: a program that
// starts CUDA or ends is between states for some tenths of a second, and so is
// what NVML says of it.
const Apart = 300 * time.Millisecond

// ClearWithin is how long a lease of ours may take to leave its device; what is
// there later is an orphan.
const ClearWithin = 30 * time.Second

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
//
//  1. sick: an error outlives the look that found it, and nothing that is seen
//     or not seen later makes up for it. A lost GPU lists no processes.
//  2. detached: then nobody looks, because an admin wants that: unknown, in that
//     admin's words instead of the driver's.
//  3. unknown: without fresh data nothing below can be believed, not even a lease.
//  4. leased: what we hold is ours, whatever else is there (with a warning).
//  5. clearing: the end of what we held comes before anybody else's word, and
//     an orphan is to be seen even on a device that an admin closed.
//  6. drained, prohibited, unheld: an admin's word, or that of how the host is set up, comes before what is seen on an idle device.
//  7. foreign: the lock of another agent of MLQ tells whose all that is seen is.
//     Then by process, which has a name, before memory, before utilisation, and
//     before any other lock, which only says that somebody wants it.
//  8. settling: one clean look at a device that was not ours may be a moment's.
var rules = []func(*scene) (Verdict, bool){
	sick, detached, unknown, leased, clearing, drained, prohibited, unheld,
	agent, foreignProcess, foreignMemory, foreignWork, locked, settling,
}

// scene is what the rules see.
type scene struct {
	*Device
	*Evidence
	last Sample // the zero value if there is none
	now  time.Duration
}

// Decide judges a device from what was seen and what we hold, at the time now
// (CLOCK_BOOTTIME, as the samples). It is pure, and the only place that
// decides whether a device may be leased.
func Decide(d Device, e Evidence, now time.Duration) Verdict {
	s := scene{Device: &d, Evidence: &e, now: now}
	if n := len(e.Samples); n > 0 {
		s.last = e.Samples[n-1]
	}
	for _, rule := range rules {
		if v, ok := rule(&s); ok {
			return v
		}
	}
	return Verdict{State: Free}
}
