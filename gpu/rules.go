package gpu

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// sick takes what is known of the device's health, and where nobody has folded
// the last look in yet, what that says.
func sick(s *scene) (Verdict, bool) {
	h := s.Health
	if h.Sick == "" {
		h = Health{}.Look(s.last, Clock{})
	}
	if h.Sick == "" {
		return Verdict{}, false
	}
	return Verdict{Sick, h.inWords() + s.andRuns()}, true
}

func detached(s *scene) (Verdict, bool) {
	if s.Detached == "" {
		return Verdict{}, false
	}
	return Verdict{Unknown, "detached by " + s.Detached + s.andRuns()}, true
}

func unknown(s *scene) (Verdict, bool) {
	var why string
	switch {
	case len(s.Samples) == 0:
		why = "not looked at yet"
	case s.last.fault() != FaultNone:
		why = silence(&s.last)
	case s.now-s.last.At > FreshFor:
		why = fmt.Sprintf("last looked at more than %v ago", FreshFor)
	default:
		return Verdict{}, false
	}
	return Verdict{Unknown, why + s.andRuns()}, true
}

// andRuns names the job on a device whose state is not that of its lease.
func (s *scene) andRuns() string {
	if s.Lease == nil {
		return ""
	}
	return fmt.Sprintf("%s%d", runsToo, s.Lease.Job)
}

const runsToo = "; runs job "

// WithoutJob is a reason of Decide's for those who may not know which job runs
// on a device that is not told to be leased.
func WithoutJob(reason string) string {
	reason, _, _ = strings.Cut(reason, runsToo)
	return reason
}

func leased(s *scene) (Verdict, bool) {
	if s.Lease == nil {
		return Verdict{}, false
	}
	reason := fmt.Sprintf("runs job %d", s.Lease.Job)
	if p, n := s.stranger(&s.last); n > 0 {
		reason += "; also used by " + s.describe(p, n)
	}
	return Verdict{Leased, reason}, true
}

// clearing is after a lease of ours: until its processes are dead, and then until
// a look finds the device clean. Whoever is alive then is none of ours, and
// foreign at once. Of a CPU slot the slot process knows more than any look.
func clearing(s *scene) (Verdict, bool) {
	switch {
	case s.Clearing:
		return s.leaving(s.ClearingSince, "the last job's processes are not gone yet"), true
	case s.Kind != KindCPU && (s.last.Leased || s.last.At <= s.Ended):
		return Verdict{Clearing, "not looked at since its last job ended"}, true
	case s.Ended == 0 || s.clean(&s.last) || s.alive(&s.last):
		return Verdict{}, false
	}
	return s.leaving(s.Ended, "the last job's memory is not free yet"), true
}

// leaving is a clearing that began at since, or an orphan.
func (s *scene) leaving(since time.Duration, why string) Verdict {
	if since == 0 || s.now-since <= ClearWithin {
		return Verdict{Clearing, why}
	}
	return Verdict{Foreign, fmt.Sprintf("orphan: %s, more than %v after the last job ended", s.remains(), ClearWithin)}
}

func drained(s *scene) (Verdict, bool) {
	return Verdict{Drained, s.Drained}, s.Drained != ""
}

func prohibited(s *scene) (Verdict, bool) {
	return Verdict{Drained, "its compute mode lets no process use it (nvidia-smi -c DEFAULT opens it)"}, s.last.Prohibited
}

// unheld: a job would be released by its slot, over and over.
func unheld(s *scene) (Verdict, bool) {
	return Verdict{Drained, "jobs cannot be isolated on it: " + s.last.Unheld}, s.last.Unheld != ""
}

func foreignProcess(s *scene) (Verdict, bool) {
	p, n := s.stranger(&s.last)
	if n == 0 {
		return Verdict{}, false
	}
	if p.Ours {
		return Verdict{Foreign, "orphan: a former job's " + s.describe(p, n)}, true
	}
	return Verdict{Foreign, "used by " + s.describe(p, n)}, true
}

func foreignMemory(s *scene) (Verdict, bool) {
	if !s.full(&s.last) {
		return Verdict{}, false
	}
	return Verdict{Foreign, s.inUse()}, true
}

// busyPercent and busyLooks: work that shows in so many looks is no accident of
// the moment that the driver measures in. One look says nothing: any kernel in
// the last second counts (NVML API reference, nvmlUtilization_t).
const (
	busyPercent = 10
	busyLooks   = 3
)

// foreignWork finds those whose processes are not listed (of a container, or of
// another PID namespace) and who have next to no memory. Where processes are
// listed, or the list is known to be wrong, utilisation is no sign of anything.
func foreignWork(s *scene) (Verdict, bool) {
	hidden := func(l *Sample) bool {
		u := l.Readings.Utilization
		return u != nil && *u >= busyPercent && len(l.Processes) == 0 && !l.Unlisted && !l.Leased &&
			l.fault() == FaultNone && l.At > s.Ended
	}
	if !s.inARow(busyLooks, hidden) {
		return Verdict{}, false
	}
	return Verdict{Foreign, fmt.Sprintf("computes at %d %% for a process that is not listed", *s.last.Readings.Utilization)}, true
}

// OtherAgent begins Evidence.LockedBy where that is an agent of MLQ, and with
// "taken by " the reason.
const OtherAgent = "another agent of this machine"

// TakenByAgent gives of a reason of Decide's who has the device, without what is seen
// on it, where that is another agent of MLQ.
func TakenByAgent(reason string) (taken string, ok bool) {
	taken, _, _ = strings.Cut(reason, seenThere)
	return taken, strings.HasPrefix(reason, "taken by "+OtherAgent)
}

const seenThere = ": "

// agent: what is on the device is the other agent's job, or its to tell of. What a
// job of ours has left stays ours.
func agent(s *scene) (Verdict, bool) {
	p, n := s.stranger(&s.last)
	if !s.Locked || !strings.HasPrefix(s.LockedBy, OtherAgent) || p.Ours {
		return Verdict{}, false
	}
	reason := "taken by " + s.LockedBy
	if n > 0 {
		reason += seenThere + s.describe(p, n)
	}
	return Verdict{Foreign, reason}, true
}

func locked(s *scene) (Verdict, bool) {
	return Verdict{Foreign, "its lock file is held by " + cmp.Or(s.LockedBy, "another process")}, s.Locked
}

// settling wants a second clean look, where the first is not the one after a
// lease of ours: what was foreign stays so until then. Nobody else can use a CPU slot.
func settling(s *scene) (Verdict, bool) {
	if s.Kind == KindCPU || s.inARow(2, s.clean) || s.afterOurs() {
		return Verdict{}, false
	}
	for i := len(s.Samples) - 1; i >= 0; i-- {
		if p, n := s.stranger(&s.Samples[i]); n > 0 && !s.Samples[i].Leased {
			return Verdict{Foreign, "until a moment ago used by " + s.describe(p, n)}, true
		}
	}
	return Verdict{Unknown, "clean, but seen so only once: is looked at again"}, true
}
