package slot

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// orphans are the processes of an attempt whose slot died. The kernel has
// killed the runner with its parent; what the runner started may live on, and
// is recognised by the job's marks in its environment, or by the runner's session.
// Nothing is ever killed that does not also belong to the job's user and is
// not younger than the runner.
type orphans struct {
	record record
	boot   string
	log    zerolog.Logger
}

// clear kills them and returns when none is left.
func (o *orphans) clear(ctx context.Context) error {
	if o.record.Boot != o.boot {
		return nil // nothing outlives a reboot
	}
	ticker := time.NewTicker(roundLimit)
	defer ticker.Stop()
	for {
		left := 0
		err := eachProcess(func(s procStat) {
			if s.Zombie || !o.owns(s) {
				return
			}
			left++
			o.log.Warn().Int("pid", s.PID).Msg("killing what a job left behind")
			signalIf(s.PID, unix.SIGKILL, func(now procStat) bool { return now.Start == s.Start && o.owns(now) })
		})
		if err != nil || left == 0 {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (o *orphans) owns(s procStat) bool {
	if s.PID == os.Getpid() || s.Start < o.record.Runner.Start || !ownedBy(s.PID, o.record.UID) {
		return false
	}
	return s.Session == o.record.Runner.Session && s.Session != 0 || o.marked(s.PID)
}

func ownedBy(pid int, uid uint32) bool {
	var stat unix.Stat_t
	// The folder of a process belongs to its effective user.
	return unix.Stat(fmt.Sprintf("/proc/%d/task", pid), &stat) == nil && stat.Uid == uid
}

// marked reports whether the process's first environment names the job and the fence.
func (o *orphans) marked(pid int) bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false
	}
	job := markJob + "=" + strconv.FormatInt(int64(o.record.Grant.Job), 10)
	fence := markFence + "=" + strconv.FormatUint(o.record.Grant.Fence, 10)
	found := 0
	for variable := range bytes.SplitSeq(env, []byte{0}) {
		if string(variable) == job || string(variable) == fence {
			found++
		}
	}
	return found == 2
}
