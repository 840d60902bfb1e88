package agent

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"

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

// probeAs keeps root from executing what somebody else can write: an agent of
// root asks such an interpreter as the user whose file it is, who can run it
// anyway, or as nobody.
func (s *safety) probeAs(cmd *exec.Cmd) {
	if !root() || s.check(cmd.Path) == nil {
		return
	}
	uid, gid := uint32(nobody), uint32(nobody)
	var stat syscall.Stat_t
	if syscall.Stat(cmd.Path, &stat) == nil && stat.Uid != 0 {
		uid, gid = stat.Uid, stat.Gid
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
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
