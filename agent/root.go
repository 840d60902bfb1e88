package agent

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"github.com/mlq-dev/mlq/agent/pyenv"
	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

// nobody is the account of those who have none.
const nobody = 65534

func root() bool { return os.Geteuid() == 0 }

// safety remembers what root may execute: a look at a large environment takes
// a while. Safe for concurrent use.
type safety struct {
	mu    sync.Mutex
	known map[string]error // by the interpreter's path
}

func (s *safety) check(python string) error {
	s.mu.Lock()
	err, ok := s.known[python]
	s.mu.Unlock()
	if ok {
		return err
	}
	err = slot.CheckForRoot(python)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[string]error{}
	}
	s.known[python] = err
	return err
}

// probeAs gives the way in which an agent of root asks interpreters: as who jobs
// will run, so that it learns whether they can; nil for an agent of somebody else.
func (s *safety) probeAs(a *accounts) pyenv.Account {
	if !root() {
		return nil
	}
	return func(cmd *exec.Cmd) {
		switch {
		case a.fixed != nil:
			become(cmd, a.fixed.UID, a.fixed.GID, a.fixed.Groups)
		case a.runAs == RunAsSubmitter || s.check(cmd.Path) != nil:
			// Root executes nothing that somebody else can write: it is asked as the
			// user whose file it is, who can run it anyway, or as nobody.
			uid, gid := ownerOf(cmd.Path)
			become(cmd, uid, gid, nil)
		}
	}
}

func become(cmd *exec.Cmd, uid, gid uint32, groups []uint32) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid, Groups: groups}}
}

// ownerOf a file; nobody in the place of root.
func ownerOf(path string) (uid, gid uint32) {
	var stat syscall.Stat_t
	if syscall.Stat(path, &stat) != nil || stat.Uid == 0 {
		return nobody, nobody
	}
	return stat.Uid, stat.Gid
}

// refuse marks the environments in which jobs of root itself cannot run: a slot
// would refuse each of them.
func (s *safety) refuse(environments []scheduler.Environment) {
	for i := range environments {
		e := &environments[i]
		if e.Problem != "" {
			continue
		}
		if err := s.check(e.Path); err != nil {
			e.Problem = fmt.Sprintf("root runs nothing that others can change: %v; give it to root, or start the agent with --run-as USER or submitter", err)
		}
	}
}
