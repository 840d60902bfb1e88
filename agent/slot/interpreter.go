package slot

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// interpreter is a Python process that waits for orders on a line: a warm
// parent, or a spare.
type interpreter struct {
	python string
	pid    int
	line   *packets
	exit   <-chan syscall.WaitStatus
}

// start runs the interpreter with the runner in front of its path. -I keeps
// everything out that an environment variable or the working directory could bring in.
func startInterpreter(n *nursery, o *Options, python string, account *Account, args ...string) (*interpreter, error) {
	return startIn(nil, n, o, python, account, args...)
}

// startIn is startInterpreter in the control group of this folder from its first
// moment on (CLONE_INTO_CGROUP, Linux 5.7); nil: in the slot's own.
func startIn(group *os.File, n *nursery, o *Options, python string, account *Account, args ...string) (*interpreter, error) {
	line, theirs, err := packetPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		line.close()
		return nil, err
	}
	defer null.Close()
	argv := append([]string{python, "-I", "-c", bootstrap, o.Runner}, args...)
	sys := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL, Credential: credential(account)}
	if group != nil {
		sys.UseCgroupFD, sys.CgroupFD = true, int(group.Fd())
	}
	pid, exit, err := n.start(python, argv, &syscall.ProcAttr{
		Dir:   "/",
		Env:   interpreterEnviron(python),
		Files: []uintptr{null.Fd(), 2, 2, theirs.Fd()},
		Sys:   sys,
	})
	if err != nil {
		line.close()
		return nil, fmt.Errorf("start %s: %w", python, err)
	}
	return &interpreter{python: python, pid: pid, line: line, exit: exit}, nil
}

// bootstrap finds the runner by its folder: -I ignores PYTHONPATH, and -m
// would look only in the environment.
const bootstrap = "import sys; sys.path.insert(0, sys.argv.pop(1)); from mlq.runner import main; main()"

func credential(a *Account) *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.UID, Gid: a.GID, Groups: a.Groups}
}

// interpreterEnviron is what an interpreter has before it is a job's. The
// place-holders are overwritten by the job's values (_linux.Mark).
func interpreterEnviron(python string) []string {
	zeros := strings.Repeat("0", markWidth)
	return []string{
		"PATH=" + searchPath(python), "LANG=C.UTF-8", "HOME=/nonexistent",
		"CUDA_VISIBLE_DEVICES=", // what is imported ahead must not touch a device
		markJob + "=" + zeros, markFence + "=" + zeros,
	}
}

// searchPath is PATH with the environment's own programs in front.
func searchPath(python string) string {
	return filepath.Dir(python) + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}
