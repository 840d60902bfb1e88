package agent

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/lockfile"
)

// locksEvery is how often it is looked who holds the locks of idle devices.
const locksEvery = 2 * time.Second

// lockLoop sees the locks that other tools and agents hold. The table of the
// kernel tells without touching them; where it does not tell (a file system that
// names its files otherwise, another PID namespace) a claim that was refused
// does, and the lock is tried until it is free.
func (a *Agent) lockLoop(ctx context.Context) {
	for ctx.Err() == nil {
		a.lookAtLocks(ctx)
		sleep(ctx, locksEvery)
	}
}

func (a *Agent) lookAtLocks(ctx context.Context) {
	table, err := lockfile.ReadTable()
	if err != nil {
		a.warn(ctx, err, "cannot see who holds the devices' locks")
	}
	for _, uuid := range a.fleet.lockable() {
		path := lockfile.Path(a.lockDir, uuid)
		pid, held, err := table.Holder(path)
		if err != nil {
			a.warn(ctx, err, "cannot see who holds a device's lock")
			continue
		}
		a.fleet.setLocked(uuid, held && pid != os.Getpid(), holderWords(pid))
	}
	for _, uuid := range a.fleet.refused() {
		if l, err := lockfile.Acquire(lockfile.Path(a.lockDir, uuid)); err == nil {
			closeLocks([]*lockfile.Lock{l})
			a.fleet.setRefused(uuid, false, "")
		}
	}
}

// lockRefused notes that a device's lock could not be had for a claim.
func (a *Agent) lockRefused(uuid string) {
	words := ""
	if table, err := lockfile.ReadTable(); err == nil {
		if pid, held, err := table.Holder(lockfile.Path(a.lockDir, uuid)); err == nil && held {
			words = holderWords(pid)
		}
	}
	a.fleet.setRefused(uuid, true, words)
}

// holderWords names who took a lock; "" where that cannot be told.
func holderWords(pid int) string {
	if pid == 0 {
		return ""
	}
	var stat syscall.Stat_t
	dir := "/proc/" + strconv.Itoa(pid)
	if syscall.Stat(dir, &stat) != nil {
		return fmt.Sprintf("process %d, which has handed it on and ended", pid)
	}
	name, err := os.ReadFile(dir + "/comm")
	if err != nil {
		return fmt.Sprintf("process %d", pid)
	}
	program := strings.TrimSpace(string(name))
	owner := strconv.FormatUint(uint64(stat.Uid), 10)
	if u, err := user.LookupId(owner); err == nil {
		owner = u.Username
	}
	if own, err := os.ReadFile("/proc/self/comm"); err == nil && program == strings.TrimSpace(string(own)) {
		return fmt.Sprintf("%s (process %d of %s)", gpu.OtherAgent, pid, owner)
	}
	return fmt.Sprintf("process %d (%s) of %s", pid, program, owner)
}

// lockable lists the devices whose lock nobody here may have now.
func (f *fleet) lockable() (uuids []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, uuid := range f.order {
		if d := f.devices[uuid]; d.evidence.Lease == nil && !d.evidence.Clearing && !d.claiming {
			uuids = append(uuids, uuid)
		}
	}
	return uuids
}

// refused lists the devices whose lock could not be had when it was last tried.
func (f *fleet) refused() (uuids []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, uuid := range f.order {
		if f.devices[uuid].refused {
			uuids = append(uuids, uuid)
		}
	}
	return uuids
}

// setLocked says who holds the lock of a device by the kernel's table.
func (f *fleet) setLocked(uuid string, held bool, by string) {
	f.change([]string{uuid}, func(d *device) {
		d.held = held
		d.setLocked(by)
	})
}

// setRefused says whether the lock could be had.
func (f *fleet) setRefused(uuid string, refused bool, by string) {
	f.change([]string{uuid}, func(d *device) {
		d.refused = refused
		d.setLocked(by)
	})
}

func (d *device) setLocked(by string) {
	d.evidence.Locked = d.held || d.refused
	switch {
	case !d.evidence.Locked:
		d.evidence.LockedBy = ""
	case by != "":
		d.evidence.LockedBy = by
	}
}
