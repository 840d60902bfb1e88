package slot

import (
	"fmt"
	"math"
	"strconv"

	"github.com/mlq-dev/mlq/agent/isolation"
	"golang.org/x/sys/unix"
)

// starvation is whose memory had run out when the kernel killed an attempt for that.
type starvation int

const (
	starvedOfNone   starvation = iota // it did not
	starvedOfOwn                      // what the job may have
	starvedOfHost                     // the host's, or that of a group above the job's
	starvedOfEither                   // one of the two: the job's group is gone, and its counts with it
)

// starved decides it by what the kernel has counted: for the job's group, if it is
// known, and for the whole host since before the attempt. limit is what the job may
// have, in bytes, 0 for all.
func starved(group isolation.OOM, known bool, limit, onHost int64) starvation {
	switch {
	case known && group.Kills > 0 && group.Limit > 0 && limit > 0:
		return starvedOfOwn
	case known && group.Kills > 0, !known && onHost > 0 && limit == 0:
		return starvedOfHost
	case !known && onHost > 0:
		return starvedOfEither
	}
	return starvedOfNone
}

// noteMemory asks what the kernel has counted, as long as there surely is a group:
// systemd removes it when it is empty.
func (a *attempt) noteMemory() {
	if !a.child.status.Signaled() || a.child.status.Signal() != unix.SIGKILL {
		return
	}
	var counted isolation.OOM
	var known bool
	if a.group != nil {
		counted, known = a.group.OOM()
	}
	a.starved = starved(counted, known, a.memoryLimit(), oomKills()-a.oomBefore)
}

// memoryLimit is what the job may have, in bytes; 0: all that the host has.
func (a *attempt) memoryLimit() int64 {
	if a.grant.Isolation == nil {
		return 0
	}
	return a.grant.Isolation.Memory
}

// oomKills is how many processes the kernel has killed for want of memory
// since the boot; 0 where it does not tell.
func oomKills() int64 {
	n, err := vmstat("oom_kill")
	if err != nil {
		return math.MaxInt64 // never "more than before"
	}
	return n
}

func vmstat(name string) (int64, error) {
	data, err := readProc("/proc/vmstat")
	if err != nil {
		return 0, err
	}
	value, ok := lookup(string(data), name)
	if !ok {
		return 0, fmt.Errorf("/proc/vmstat has no %s", name)
	}
	return strconv.ParseInt(value, 10, 64)
}
