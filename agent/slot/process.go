package slot

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// procStat is what /proc tells of a process and what identifies it: a pid may
// be used again, a pid with a start time is not.
type procStat struct {
	PID     int    `json:"pid"`
	Parent  int    `json:"-"`
	Session int    `json:"session"`
	Start   uint64 `json:"start"` // clock ticks since the boot
	Zombie  bool   `json:"-"`
}

// readStat reads /proc/PID/stat.
func readStat(pid int) (procStat, error) {
	data, err := readProc(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return procStat{}, err
	}
	return parseStat(data)
}

// parseStat takes the fields behind the name, which may hold anything, also brackets.
func parseStat(data []byte) (procStat, error) {
	open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 0 || end < open {
		return procStat{}, fmt.Errorf("stat without a name: %.80q", data)
	}
	fields := strings.Fields(string(data[end+1:])) // from the third field on
	if len(fields) < 20 {
		return procStat{}, fmt.Errorf("stat with %d fields", len(fields)+2)
	}
	var s procStat
	var err error
	if s.PID, err = strconv.Atoi(strings.TrimSpace(string(data[:open]))); err != nil {
		return s, err
	}
	s.Zombie = fields[0] == "Z" || fields[0] == "X"
	if s.Parent, err = strconv.Atoi(fields[1]); err != nil {
		return s, err
	}
	if s.Session, err = strconv.Atoi(fields[3]); err != nil {
		return s, err
	}
	s.Start, err = strconv.ParseUint(fields[19], 10, 64)
	return s, err
}

// eachProcess calls f with every process that there is; those that end meanwhile are left out.
func eachProcess(f func(procStat)) error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, err := readStat(pid); err == nil {
			f(s)
		}
	}
	return nil
}

// signalIf sends a signal to a process if check still holds once it cannot be
// confused with another one: the descriptor pins it, whatever its pid does.
func signalIf(pid int, sig unix.Signal, check func(procStat) bool) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return // it is gone
	}
	defer unix.Close(fd)
	if s, err := readStat(pid); err != nil || !check(s) {
		return
	}
	// ESRCH: it is gone meanwhile, which is what is wanted.
	_ = unix.PidfdSendSignal(fd, sig, nil, 0)
}
