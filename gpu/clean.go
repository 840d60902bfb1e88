package gpu

import "time"

// What an idle device may have in use beyond its baseline. A bare CUDA context
// costs more (160 MiB in nvitop#152). Where the baseline was learned, it varies: a
// screen is redrawn, and the driver's reserve grows with what was used.
const (
	slack        = 128 << 20
	slackLearned = 256 << 20
)

// stranger is the process of a look that has most memory, of those that compute
// and that no lease of ours owns now, and how many there are; 0 if there is none,
// or if all together have no more memory than is tolerated.
func (s *scene) stranger(l *Sample) (Process, int) {
	strange := func(p *Process) bool { return computes(p) && (s.Lease == nil || !p.Ours) }
	most, n := largest(l.Processes, strange)
	if n > 0 && s.Tolerate > 0 && s.held(l, strange) <= s.Tolerate {
		return Process{}, 0
	}
	return most, n
}

func computes(p *Process) bool { return !p.Graphics }

// largest is the process with most memory of those that are meant, and how many they are.
func largest(processes []Process, meant func(*Process) bool) (most Process, n int) {
	for i := range processes {
		p := &processes[i]
		if !meant(p) {
			continue
		}
		if n++; n == 1 || p.Memory > most.Memory {
			most = *p
		}
	}
	return most, n
}

// held is the memory of some processes. Where the driver does not tell it of one,
// that one may have all that is in use.
func (s *scene) held(l *Sample, meant func(*Process) bool) (bytes int64) {
	var unknown int64
	for i := range l.Processes {
		p := &l.Processes[i]
		switch {
		case !meant(p):
		case p.Memory < 0:
			unknown = s.applications(l)
		default:
			bytes += p.Memory
		}
	}
	return max(bytes, unknown)
}

// applications is the memory in use without what the device has in use by itself.
// Processes and the device are counted apart by the driver, and either may
// be too low: managed memory is missing with the process (pynvml#63).
func (s *scene) applications(l *Sample) int64 {
	var listed int64
	for _, p := range l.Processes {
		listed += max(p.Memory, 0)
	}
	used := max(l.Used, listed)
	if s.learns(l) {
		used -= s.baseline(s.Baseline)
	}
	return max(used, 0)
}

// learns reports whether the device has memory in use by itself, so that its baseline counts.
func (s *scene) learns(l *Sample) bool { return s.Display || l.WithReserve }

// full reports whether more memory is in use than a device has by itself, and
// than is tolerated.
func (s *scene) full(l *Sample) bool {
	limit := s.Tolerate + slack
	if s.learns(l) {
		limit = s.Tolerate + slackLearned
	}
	return s.applications(l) > limit
}

// alive reports whether a look found somebody who lives and is none of ours. What
// the driver lists of the dead has no start time any more.
func (s *scene) alive(l *Sample) bool {
	if _, n := s.stranger(l); n == 0 {
		return false
	}
	for _, p := range l.Processes {
		if !p.Graphics && !p.Ours && p.Started != 0 {
			return true
		}
	}
	return false
}

// clean reports whether a look found nobody.
func (s *scene) clean(l *Sample) bool {
	_, n := s.stranger(l)
	return l.fault() == FaultNone && !l.Prohibited && l.Unheld == "" && n == 0 && !s.full(l)
}

// inARow reports whether the last looks, back to n that are apart, are all fresh
// and as wanted.
func (s *scene) inARow(n int, wanted func(*Sample) bool) bool {
	before := s.last.At
	for i := len(s.Samples) - 1; i >= 0; i-- {
		l := &s.Samples[i]
		if s.now-l.At > FreshFor || !wanted(l) {
			return false
		}
		if l.At > before {
			continue
		}
		if n--; n == 0 {
			return true
		}
		before = l.At - Apart
	}
	return false
}

// afterOurs reports whether all looks since a lease of ours were clean; there is
// one (the rule about clearing saw to that). Then it is enough: nobody else was
// there before.
func (s *scene) afterOurs() bool {
	for i := len(s.Samples) - 1; i >= 0; i-- {
		l := &s.Samples[i]
		switch {
		case s.Ended != 0 && l.At <= s.Ended:
			return true
		case s.now-l.At > FreshFor:
			return false
		case s.oursAlone(l):
			return true
		case s.remnants(l):
			continue // of the lease, as they go
		case !s.clean(l):
			return false
		}
	}
	return s.Ended != 0
}

// remnants reports whether a look found only what is listed of the lease's own.
func (s *scene) remnants(l *Sample) bool {
	strange := func(p *Process) bool { return computes(p) && !p.Ours }
	_, others := largest(l.Processes, strange)
	_, own := largest(l.Processes, func(p *Process) bool { return p.Ours })
	return l.fault() == FaultNone && others == 0 && own > 0 && !l.Leased
}

// oursAlone reports whether a look found our lease and nobody beside it.
func (s *scene) oursAlone(l *Sample) bool {
	for _, p := range l.Processes {
		if !p.Graphics && !p.Ours {
			return false
		}
	}
	return l.Leased && l.fault() == FaultNone
}

// age is how long ago a process was started; 0: that cannot be told.
func (s *scene) age(p *Process) time.Duration {
	const tick = time.Second / 100 // USER_HZ, the same on all Linux machines that have GPUs
	if p.Started == 0 {
		return 0
	}
	return max(s.now-time.Duration(p.Started)*tick, 1)
}
