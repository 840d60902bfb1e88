// Package portowner says which process listens on a TCP port of this machine,
// so that "the port is taken" can name who has it.
//
// The kernel's tables tell a listening socket's inode; the process that has it
// open shows it under /proc/PID/fd, which only its own user and root may read.
package portowner

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// stateListen is TCP_LISTEN in /proc/net/tcp.
const stateListen = "0A"

// socket is one line of /proc/net/tcp.
type socket struct {
	port  uint64
	state string
	uid   string
	inode string
}

// Who describes the process that listens on the port of address, as well as
// this user may know it.
func Who(address string) string {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return "another process"
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "another process"
	}
	s, ok := listener(port)
	if !ok {
		return "another process"
	}
	if pid := holder(s.inode); pid != "" {
		return fmt.Sprintf("process %s (%s)", pid, command(pid))
	}
	return "a process of user id " + s.uid
}

func listener(port uint64) (socket, bool) {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		file, err := os.Open(table)
		if err != nil {
			continue
		}
		found, ok := search(bufio.NewScanner(file), port)
		file.Close() //nolint:errcheck // only read
		if ok {
			return found, true
		}
	}
	return socket{}, false
}

func search(lines *bufio.Scanner, port uint64) (socket, bool) {
	for lines.Scan() {
		if s, ok := parse(lines.Text()); ok && s.port == port && s.state == stateListen {
			return s, true
		}
	}
	return socket{}, false
}

// parse reads "sl local_address rem_address st … uid timeout inode …".
func parse(line string) (socket, bool) {
	f := strings.Fields(line)
	if len(f) < 10 {
		return socket{}, false
	}
	_, hex, ok := strings.Cut(f[1], ":")
	port, err := strconv.ParseUint(hex, 16, 16)
	return socket{port, f[3], f[7], f[9]}, ok && err == nil
}

// holder finds the process that has the socket open.
func holder(inode string) (pid string) {
	want := "socket:[" + inode + "]"
	files, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return ""
	}
	for _, path := range files {
		if target, err := os.Readlink(path); err == nil && target == want {
			return strings.Split(path, "/")[2]
		}
	}
	return ""
}

// command is a process's command line, cut where it gets long.
func command(pid string) string {
	const most = 80
	raw, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
	if err != nil {
		return "unknown"
	}
	line := strings.TrimSpace(strings.ReplaceAll(string(raw), "\x00", " "))
	if len(line) > most {
		return line[:most] + "…"
	}
	return line
}
