package stand

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// endAll sends SIGTERM to the processes whose command line names dir, which is
// a folder that nobody but this run uses.
func endAll(dir string) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return // the pattern is right
	}
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(line, []byte(dir+"/")) {
			continue // gone meanwhile, or none of ours
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			_ = syscall.Kill(pid, syscall.SIGTERM) // an error means that it has ended
		}
	}
}
