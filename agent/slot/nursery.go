package slot

import (
	"errors"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// nursery starts our interpreters and reaps every child, also those that the
// subreaper inherits. All starts happen on one thread that lives as long as
// the process: the kernel ties the parent-death signal to the thread that
// forked, not to the process (golang/go#27505).
type nursery struct {
	starts chan func()

	// mu is held while a child is started and registered, and while children
	// are reaped: so none is reaped unknown, and no pid of a child is given
	// to somebody else while mu is held.
	mu      sync.Mutex
	watched map[int]chan syscall.WaitStatus
	reaped  chan struct{} // hint that a child was reaped; never blocks
}

// newNursery makes this process the subreaper of all that it starts.
func newNursery() (*nursery, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, os.NewSyscallError("prctl PR_SET_CHILD_SUBREAPER", err)
	}
	n := &nursery{
		starts:  make(chan func()),
		watched: make(map[int]chan syscall.WaitStatus),
		reaped:  make(chan struct{}, 1),
	}
	go n.serveStarts()
	children := make(chan os.Signal, 1)
	signal.Notify(children, unix.SIGCHLD)
	go n.reapAll(children)
	return n, nil
}

func (n *nursery) serveStarts() {
	runtime.LockOSThread() // and never unlock
	for start := range n.starts {
		start()
	}
}

// start runs a program as a direct child; the channel gets its end.
func (n *nursery) start(path string, argv []string, attr *syscall.ProcAttr) (int, <-chan syscall.WaitStatus, error) {
	var pid int
	var exit chan syscall.WaitStatus
	var err error
	done := make(chan struct{})
	n.starts <- func() {
		defer close(done)
		n.mu.Lock()
		defer n.mu.Unlock()
		if pid, err = syscall.ForkExec(path, argv, attr); err == nil {
			exit = n.register(pid)
		}
	}
	<-done
	return pid, exit, err
}

// adopt watches a process that is not our child yet: one that its parent
// forked for us, and that becomes ours if the parent dies first.
func (n *nursery) adopt(pid int) <-chan syscall.WaitStatus {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.register(pid)
}

// register must be called with mu held.
func (n *nursery) register(pid int) chan syscall.WaitStatus {
	exit := make(chan syscall.WaitStatus, 1)
	n.watched[pid] = exit
	return exit
}

// forget ends the watching of a process that its own parent has reaped.
func (n *nursery) forget(pid int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.watched, pid)
}

// inherit is for a watched process whose parent has died, and which so is ours to
// reap. If it is not there any more, it was reaped before anybody watched it: then
// its end is told here, as what it most likely was.
func (n *nursery) inherit(pid int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	exit, watched := n.watched[pid]
	if watched && errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
		delete(n.watched, pid)
		exit <- syscall.WaitStatus(unix.SIGKILL)
	}
}

func (n *nursery) reapAll(children <-chan os.Signal) {
	for range children {
		n.reap()
		select {
		case n.reaped <- struct{}{}:
		default:
		}
	}
}

func (n *nursery) reap() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if exit, ok := n.watched[pid]; ok {
			delete(n.watched, pid)
			exit <- status
		}
	}
}
