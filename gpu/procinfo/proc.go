package procinfo

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

type stat struct {
	comm    string // at most 15 bytes, chosen by the process
	started uint64 // clock ticks after the boot
}

// readStat reads field 2 and 22 of /proc/PID/stat. The name stands in brackets
// and may hold anything, brackets too.
func readStat(dir string) (stat, error) {
	data, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return stat{}, err
	}
	open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 0 || end < open {
		return stat{}, fmt.Errorf("stat without a name: %.80q", data)
	}
	fields := bytes.Fields(data[end+1:]) // from the third field on
	if len(fields) < 20 {
		return stat{}, fmt.Errorf("stat with %d fields", len(fields)+2)
	}
	started, err := strconv.ParseUint(string(fields[19]), 10, 64)
	return stat{comm: string(data[open+1 : end]), started: started}, err
}

// owner is the real user of a process. The owner of the folder is the next best:
// it is root for a process that may not be traced.
func owner(dir string) int {
	if status, err := os.ReadFile(dir + "/status"); err == nil {
		if uid, ok := realUID(string(status)); ok {
			return uid
		}
	}
	info, err := os.Stat(dir)
	if err != nil {
		return -1
	}
	return int(info.Sys().(*syscall.Stat_t).Uid)
}

func realUID(status string) (int, bool) {
	for line := range strings.Lines(status) {
		ids, ok := strings.CutPrefix(line, "Uid:")
		if !ok {
			continue
		}
		fields := strings.Fields(ids) // real, effective, saved, of file systems
		if len(fields) == 0 {
			return -1, false
		}
		uid, err := strconv.Atoi(fields[0])
		return uid, err == nil
	}
	return -1, false
}

// longestProgram is how much of a command line is read: it may have megabytes,
// and is read at each look.
const longestProgram = 4096

// program is the name of what was started, without its folder and arguments: the
// name that the kernel has is cut, and PyTorch sets another one.
func program(dir string) string {
	f, err := os.Open(dir + "/cmdline")
	if err != nil {
		return ""
	}
	defer f.Close()
	line, err := io.ReadAll(io.LimitReader(f, longestProgram))
	if err != nil {
		return ""
	}
	first, _, _ := bytes.Cut(line, []byte{0})
	if len(first) == 0 {
		return ""
	}
	return printable(filepath.Base(string(first)))
}
