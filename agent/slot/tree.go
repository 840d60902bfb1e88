package slot

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// tree is all that descends from this slot. The slot is subreaper: whatever a
// job daemonises becomes its child when its parent ends, in the same moment.
type tree struct {
	self   int
	reaped <-chan struct{} // a child was reaped
	// ours says which processes are the slot's own: interpreters and waiting
	// children. What descends from them, other than each other, is a job's.
	ours func() map[int]bool
	log  zerolog.Logger
}

const (
	freezeAfter = 3 // rounds: what still forks then is stopped before it is killed
	roundLimit  = 20 * time.Millisecond
	complain    = 10 * time.Second
)

// clear kills and reaps what is left of a job and returns when nothing is:
// the device may not be handed on before. A process that the kernel cannot end
// (in a driver, on a dead file system) keeps it waiting, and is named in the log.
func (t *tree) clear(ctx context.Context) error {
	began := time.Now()
	var complained time.Time
	for round := 0; ; round++ {
		strays, err := t.strays()
		if err != nil {
			return fmt.Errorf("look for the job's processes: %w", err)
		}
		if len(strays) == 0 {
			return nil
		}
		if time.Since(began) > complain && time.Since(complained) > complain {
			complained = time.Now()
			t.log.Error().Ints("pids", strays).Msg("processes of the job do not die")
		}
		if round >= freezeAfter {
			t.signal(strays, unix.SIGSTOP)
		}
		t.signal(strays, unix.SIGKILL)
		if err := t.pause(ctx); err != nil {
			return err
		}
	}
}

// pause waits until a child was reaped, or a moment.
func (t *tree) pause(ctx context.Context) error {
	timer := time.NewTimer(roundLimit)
	defer timer.Stop()
	select {
	case <-t.reaped:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func (t *tree) signal(strays []int, sig unix.Signal) {
	ours := t.ours()
	below := map[int]bool{t.self: true}
	for _, pid := range strays {
		below[pid] = true
	}
	for pid := range ours {
		below[pid] = true
	}
	for _, pid := range strays {
		signalIf(pid, sig, func(s procStat) bool { return below[s.Parent] && !ours[s.PID] })
	}
}

// strays lists the living and dead (not yet reaped) processes below us that
// are not our own.
func (t *tree) strays() ([]int, error) {
	children, err := t.childrenOf()
	if err != nil {
		return nil, err
	}
	ours := t.ours()
	var found []int
	seen := map[int]bool{t.self: true}
	next := []int{t.self}
	for len(next) > 0 {
		pid := next[0]
		next = next[1:]
		for _, child := range children(pid) {
			if seen[child] {
				continue
			}
			seen[child] = true
			next = append(next, child)
			if !ours[child] {
				found = append(found, child)
			}
		}
	}
	return found, nil
}

// childrenOf tells the children of a process: from the kernel's own list
// where it has one, which costs microseconds, else from a look at all processes.
func (t *tree) childrenOf() (func(pid int) []int, error) {
	if _, err := os.Stat(childrenPath(t.self, strconv.Itoa(t.self))); err == nil {
		return listedChildren, nil
	}
	return scannedChildren()
}

func childrenPath(pid int, thread string) string {
	return "/proc/" + strconv.Itoa(pid) + "/task/" + thread + "/children"
}

// listedChildren asks every thread: a child belongs to the one that made it.
// Every job waits for this: the threads' other files are not looked at.
func listedChildren(pid int) []int {
	threads, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	if err != nil {
		return nil // it is gone
	}
	var found []int
	for _, thread := range threads {
		text, err := readProc(childrenPath(pid, thread.Name()))
		if err != nil {
			continue // the thread is gone, its children have moved on
		}
		for word := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				found = append(found, child)
			}
		}
	}
	return found
}

func scannedChildren() (func(pid int) []int, error) {
	byParent := map[int][]int{}
	err := eachProcess(func(s procStat) { byParent[s.Parent] = append(byParent[s.Parent], s.PID) })
	if err != nil {
		return nil, err
	}
	return func(pid int) []int { return byParent[pid] }, nil
}
