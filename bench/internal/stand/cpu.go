package stand

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the kernel's USER_HZ, in which /proc counts.
const tick = 10 * time.Millisecond

// CPU is the time that the process has spent on a core so far, without its children.
func (p *Process) CPU() (time.Duration, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/stat")
	if err != nil {
		return 0, err
	}
	return cpuOf(text)
}

// CPU is the server's time on a core so far.
func (r *Redis) CPU() (time.Duration, error) { return r.proc.CPU() }

// CPU is the server's time on a core so far.
func (s *Server) CPU() (time.Duration, error) { return s.proc.CPU() }

// cpuOf adds utime and stime of a /proc/PID/stat. The program's name may hold
// anything, also brackets and blanks, so the fields count from its end.
func cpuOf(stat []byte) (time.Duration, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("not a stat line: %.60q", stat)
	}
	var sum time.Duration
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("not a stat line: %w", err)
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}
