package gpu

import (
	"fmt"
	"strings"
	"time"
)

// describe is a process as people want to hear of it, with how many others there
// are: "process 4242 (python) of ana with 512 MiB since 14:02 UTC (3 h) and 1 more".
func (s *scene) describe(p Process, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "process %d", p.PID)
	if p.Name != "" {
		fmt.Fprintf(&b, " (%s)", p.Name)
	}
	b.WriteString(" of " + owner(&p))
	if p.Memory >= 0 {
		fmt.Fprintf(&b, " with %s", mib(p.Memory))
	}
	b.WriteString(s.since(&p))
	if n > 1 {
		fmt.Fprintf(&b, " and %d more", n-1)
	}
	return b.String()
}

func owner(p *Process) string {
	switch {
	case p.User != "":
		return p.User
	case p.UID < 0:
		return "a user who cannot be seen from here"
	}
	return fmt.Sprintf("user %d", p.UID)
}

func (s *scene) since(p *Process) string {
	age, at := s.age(p), p.Since.UTC() // who reads it may be in another zone than the host
	switch {
	case p.Since.IsZero():
		return ""
	case age == 0:
		return " since " + at.Format("2006-01-02 15:04 MST")
	case age < 24*time.Hour:
		return fmt.Sprintf(" since %s (%s)", at.Format("15:04 MST"), span(age))
	}
	return fmt.Sprintf(" since %s (%s)", at.Format("2006-01-02 15:04 MST"), span(age))
}

// span is a time in one word, coarse enough that it changes rarely: what changes
// is told to the server again.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

func mib(bytes int64) string { return fmt.Sprintf("%d MiB", bytes>>20) }

// remains names what a lease of ours left: its own processes, else any, else the memory.
func (s *scene) remains() string {
	own := func(p *Process) bool { return p.Ours }
	for _, of := range []func(*Process) bool{own, computes} {
		if p, n := largest(s.last.Processes, of); n > 0 {
			return s.describe(p, n)
		}
	}
	if s.Clearing {
		return "the last job's processes are not dead"
	}
	return s.inUse()
}

// inUse says that memory is in use by somebody who computes unseen, or who draws.
func (s *scene) inUse() string {
	words := mib(s.applications(&s.last)) + " in use"
	for _, p := range s.last.Processes {
		if p.Graphics {
			return words + ", among others by " + s.describe(p, 1) + ", which draws"
		}
	}
	return words + " by a process that is not listed"
}

// silence says in words why a look has no answer.
func silence(l *Sample) string {
	said := ""
	if l.Err != "" {
		said = ": " + l.Err
	}
	switch l.fault() {
	case FaultTimeout:
		return "the driver did not answer in time" + said
	case FaultDown:
		return "the driver cannot be asked" + said
	case FaultGone:
		return "the driver does not list it any more" // whoever says so says only that
	case FaultOther, FaultLost, FaultReset, FaultNone:
	}
	return "the driver says" + said
}
