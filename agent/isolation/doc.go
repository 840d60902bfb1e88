// Package isolation holds the processes of an attempt together in a control
// group of their own (cgroup2): all of them end with it, however they were
// started; memory and processes have a limit; and no device can be opened but
// the ordinary ones and the lease's own.
//
// Groups are made in one of two ways, which differ in who makes the folder:
// systemd, asked over D-Bus for a transient scope (scope.go), or we ourselves,
// where a part of the tree is ours to write in and there is no systemd
// (folder.go). From then on both are a Group.
//
// The agent finds out once what its host can do (Reach), by holding a process
// of its own, and says in each grant what is wanted (Spec). The slot carries
// that out (Keeper), before the process becomes the job's.
package isolation

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
)

// Level is the way in which jobs are held.
type Level string

// The levels, and the wish for the best that there is.
const (
	None    Level = "none"    // no group: process session and rlimits only
	Cgroup  Level = "cgroup"  // a folder of ours in the cgroup2 tree
	Systemd Level = "systemd" // a transient scope of systemd
	Auto    Level = "auto"    // the first of systemd, cgroup and none that can be had
)

// Limits of each job; 0: none.
type Limits struct {
	Memory    int64 `json:"memory,omitempty"`    // bytes, swap included
	Processes int64 `json:"processes,omitempty"` // with their threads
}

// Spec is the group that an attempt is to run in, as a grant names it.
type Spec struct {
	Level Level `json:"level"`
	// Parent is the folder in which the group is made, of Cgroup.
	Parent string `json:"parent,omitempty"`
	// Name is the group's, different for each attempt on this host.
	Name string `json:"name"`
	Limits
	// Devices: none can be opened but the ordinary ones and the lease's own.
	Devices bool `json:"devices,omitempty"`
}

// Place is what Reach found: how this host's jobs are held, in truth.
type Place struct {
	Level Level
	Limits
	Devices bool
	// Without says in words why it is no more than this, "" where it is all that there is.
	Without string

	parent string
	tag    string
	kernel kernel
}

// Refuses says why a job could not be held to this card, nil if it could be: where
// jobs have devices of their own only, the kernel has to tell which files are the
// card's. The answer holds for the moment: a driver that is loaded later changes it.
func (p *Place) Refuses(c Card) error {
	if !p.Devices {
		return nil
	}
	_, err := p.kernel.nodes([]Card{c})
	return err
}

// Spec of one attempt; nil where there are no groups.
func (p *Place) Spec(job int64, attempt int) *Spec {
	if p.Level == None {
		return nil
	}
	return &Spec{
		Level: p.Level, Parent: p.parent, Limits: p.Limits, Devices: p.Devices,
		Name: fmt.Sprintf("%s%d-%d-%s", namePrefix, job, attempt, p.tag),
	}
}

// spareMark is in the names of groups of processes that wait for an attempt.
const spareMark = "-spare"

// Spare is the group in which a process waits that is to become an attempt's: the
// n-th of its maker.
func (s Spec) Spare(n int) Spec {
	s.Name += spareMark + strconv.Itoa(n)
	return s
}

// namePrefix is what the names of all groups of attempts begin with.
const namePrefix = "mlq-job-"

// Release takes away what Reach has made for all groups, unless jobs are still in it.
func (p *Place) Release() {
	if p.parent != "" {
		_ = syscall.Rmdir(p.parent)
	}
}

// Words say what holds, "" where there are no groups.
func (p *Place) Words() string {
	var words []string
	switch p.Level {
	case Systemd:
		words = append(words, "systemd scope")
	case Cgroup:
		words = append(words, "control group")
	default:
		return ""
	}
	if p.Devices {
		words = append(words, "own devices only")
	}
	if p.Memory > 0 {
		words = append(words, "memory "+bytes(p.Memory))
	}
	if p.Processes > 0 {
		words = append(words, fmt.Sprintf("%d processes", p.Processes))
	}
	return strings.Join(words, ", ")
}

// bytes writes a size in the largest unit that it is whole in.
func bytes(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n%unit.size == 0 {
			return fmt.Sprintf("%d%s", n/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
