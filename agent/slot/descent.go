package slot

// Process names a process for good: a pid is used again, a pid with its start is not.
type Process struct {
	PID   int
	Start uint64 // clock ticks after the boot
}

// deepest bounds the way up from a process to a slot: a shell in a shell in a
// training script is a dozen.
const deepest = 256

// FindProcess gives the process that has this pid now.
func FindProcess(pid int) (Process, error) {
	s, err := readStat(pid)
	return Process{PID: s.PID, Start: s.Start}, err
}

// DescendsFrom reports whether the process is top, or was started below it. A
// slot is a subreaper: whatever its job starts has it among its ancestors for as
// long as both live. What cannot be seen, or is not certain, does not descend: a
// pid without its start may be anybody's by now.
func (p Process) DescendsFrom(top Process) bool {
	if top.PID == 0 || p.Start == 0 {
		return false
	}
	at, err := readStat(p.PID)
	if err != nil || at.Start != p.Start {
		return false
	}
	for range deepest {
		if at.PID == top.PID {
			return at.Start == top.Start
		}
		if at.Parent == 0 {
			return false
		}
		parent, err := readStat(at.Parent)
		if err != nil || parent.Start > at.Start { // the pid is another's by now
			return false
		}
		at = parent
	}
	return false
}
