package lockfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Table is what the kernel tells of the locks that are held on this host, as
// flock makes them. Looking disturbs nobody: taking a lock to see whether it is
// free would make another tool's `flock -n` fail.
type Table struct{ holders map[file]int }

// file names a file as /proc/locks does.
type file struct {
	major, minor uint32
	inode        uint64
}

// ReadTable reads /proc/locks. Locks of processes that cannot be seen from here
// (of another PID namespace) are not in it.
func ReadTable() (Table, error) {
	text, err := os.ReadFile("/proc/locks")
	if err != nil {
		return Table{}, fmt.Errorf("locks of this host: %w", err)
	}
	return parseTable(text), nil
}

// parseTable takes the lines of locks that are held: those that wait have an
// arrow in front of the kind.
func parseTable(text []byte) Table {
	t := Table{map[file]int{}}
	for line := range bytes.Lines(text) {
		fields := strings.Fields(string(line))
		if len(fields) < 6 || fields[1] != "FLOCK" {
			continue
		}
		pid, err := strconv.Atoi(fields[4])
		if err != nil {
			continue
		}
		if f, ok := parseFile(fields[5]); ok {
			t.holders[f] = pid
		}
	}
	return t
}

// parseFile reads "08:01:1234": device in hexadecimal, inode in decimal.
func parseFile(text string) (f file, ok bool) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return f, false
	}
	major, err1 := strconv.ParseUint(parts[0], 16, 32)
	minor, err2 := strconv.ParseUint(parts[1], 16, 32)
	inode, err3 := strconv.ParseUint(parts[2], 10, 64)
	return file{uint32(major), uint32(minor), inode}, errors.Join(err1, err2, err3) == nil
}

// Holder gives the process that took the lock of the file at path; held is false
// where nobody has it, or the file does not exist. A process that handed the
// open file on may have ended; the pid is 0 where the kernel does not tell it.
func (t Table) Holder(path string) (pid int, held bool, err error) {
	var stat unix.Stat_t
	err = unix.Lstat(path, &stat)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, &fs.PathError{Op: "look at", Path: path, Err: err}
	}
	pid, held = t.holders[file{unix.Major(stat.Dev), unix.Minor(stat.Dev), stat.Ino}]
	return max(pid, 0), held, nil
}
