// Package procinfo tells whose a process is: what a list of processes on a GPU,
// which has numbers only, lacks for a person and for the agent. All of it comes
// from /proc and works for any user. A process that is gone meanwhile, or that
// cannot be seen (hidepid), is normal.
package procinfo

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/boottime"
)

// initialPIDs names the first pid namespace of a machine (PROC_PID_INIT_INO of
// linux/proc_ns.h): the one whose numbers the driver tells.
const initialPIDs = "pid:[4026531836]"

// ticks is how many clock ticks of /proc a second has. It is part of the
// kernel's interface, and 100 on all machines that Go runs on.
const ticks = 100

// HostPIDs reports whether a pid that the driver tells is one here. It is not in
// a container with pids of its own: there every number may be another process's.
func HostPIDs() bool {
	namespace, err := os.Readlink("/proc/self/ns/pid")
	return err == nil && namespace == initialPIDs
}

// Fill puts in what /proc says of the process with p.PID: UID, User, Name,
// Started and Since. What cannot be seen is left at "unknown": UID −1, "" and 0.
func Fill(p *gpu.Process) { fill(p, "/proc", HostPIDs()) }

func fill(p *gpu.Process, proc string, visible bool) {
	p.UID, p.User, p.Name, p.Started, p.Since = -1, "", "", 0, time.Time{}
	if !visible {
		return
	}
	dir := fmt.Sprintf("%s/%d", proc, p.PID)
	before, err := readStat(dir)
	uid := owner(dir)
	name := program(dir)
	if after, again := readStat(dir); err != nil || again != nil || before.started != after.started {
		// It is gone, or another has its number; where only the reading is
		// forbidden (hidepid=1), the owner is still to be seen.
		if os.IsPermission(err) {
			p.UID, p.User = uid, account(uid)
		}
		return
	}
	p.UID, p.User, p.Started, p.Since = uid, account(uid), before.started, since(before.started)
	if p.Name = name; name == "" {
		p.Name = printable(before.comm)
	}
}

// since is the time of day of a tick after the boot.
func since(started uint64) time.Time {
	age := boottime.Now() - time.Duration(started)*(time.Second/ticks)
	return time.Now().Add(-age).Round(time.Second / ticks)
}

// longest a name is shown; whoever starts a process chooses it.
const longest = 64

// printable keeps a name from writing on a terminal what its owner wants, and short.
func printable(name string) string {
	name = gpu.Printable(name)
	if len(name) > longest {
		name = strings.ToValidUTF8(name[:longest], "")
	}
	return name
}
