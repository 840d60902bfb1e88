package stand

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Family are the processes of an agent, by what they are.
type Family struct {
	Agent, Probe, Slots, Pythons []int
}

// Family finds the agent's processes: its child that asks the driver, the slots
// of its devices, and the Pythons that these keep.
func (s *Server) Family() (Family, error) {
	f := Family{Agent: []int{s.agent.cmd.Process.Pid}}
	parents := map[int]int{}
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return f, err
	}
	for _, file := range files {
		pid, line, parent := described(filepath.Dir(file))
		parents[pid] = parent
		switch {
		case parent == f.Agent[0] && strings.Contains(line, " nvml-probe"):
			f.Probe = append(f.Probe, pid)
		case strings.Contains(line, " slot ") && strings.Contains(line, s.agentData()+"/"):
			f.Slots = append(f.Slots, pid)
		}
	}
	for pid := range parents {
		if isBelow(pid, f.Slots, parents) {
			f.Pythons = append(f.Pythons, pid)
		}
	}
	return f, nil
}

// described reads a process's command line and parent; zeros if it is gone.
func described(dir string) (pid int, line string, parent int) {
	text, err := os.ReadFile(dir + "/cmdline")
	stat, statErr := os.ReadFile(dir + "/stat")
	if err != nil || statErr != nil {
		return 0, "", 0
	}
	pid, _ = strconv.Atoi(filepath.Base(dir)) // the pattern has digits only
	if fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]); len(fields) > 1 {
		parent, _ = strconv.Atoi(string(fields[1])) // the kernel's
	}
	return pid, string(bytes.ReplaceAll(text, []byte{0}, []byte(" "))), parent
}

func isBelow(pid int, ancestors []int, parents map[int]int) bool {
	for p := parents[pid]; p > 1; p = parents[p] {
		if slices.Contains(ancestors, p) {
			return true
		}
	}
	return false
}

// Used is the time that processes have spent on a core so far.
func Used(pids []int) (sum time.Duration, err error) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		one, err := cpuOf(text)
		if err != nil {
			return 0, err
		}
		sum += one
	}
	return sum, nil
}

// PSS is the memory of processes in bytes, in which what several share counts
// in parts (proc_pid_smaps_rollup).
func PSS(pids []int) (sum int64, err error) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, err
		}
		one, err := pssOf(string(text))
		if err != nil {
			return 0, err
		}
		sum += one
	}
	return sum, nil
}

func pssOf(rollup string) (int64, error) { return sizeOf(rollup, "Pss:") }

// sizeOf reads a line as "Pss:  12 kB" of a file of the kernel's, in bytes.
func sizeOf(text, name string) (int64, error) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in %.60q", name, text)
}

// Peak is the most memory that processes had so far, together, in bytes.
func Peak(pids []int) (int64, error) { return statusOf(pids, "VmHWM:") }

// RSS is the memory that processes have now, together, in bytes.
func RSS(pids []int) (int64, error) { return statusOf(pids, "VmRSS:") }

func statusOf(pids []int, line string) (sum int64, err error) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, err
		}
		one, err := sizeOf(string(text), line)
		if err != nil {
			return 0, err
		}
		sum += one
	}
	return sum, nil
}
