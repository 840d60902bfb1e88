package slot

import (
	"encoding/json"
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/mlq-dev/mlq/agent/isolation"
	"golang.org/x/sys/unix"
)

// child is a Python process that waits for a job, or has become one.
type child struct {
	pid    int
	line   *packets
	parent *warmParent      // nil: a spare, our own child
	pen    *isolation.Group // of a spare that is another user's from its start on; nil: it needs none

	said chan childMessage // closed when the line has ended; what a waiting child says fits in
	code chan int          // gets the exit code that the child says it will end with

	once   sync.Once
	done   chan struct{}      // closed when it has ended and was reaped
	status syscall.WaitStatus // how; read after done
}

// childMessage is what a child says. After "go" it is the job that speaks, and
// may say anything.
type childMessage struct {
	Op       string          `json:"op"`
	Detail   string          `json:"detail"`
	Progress json.RawMessage `json:"progress"`
	Code     int             `json:"code"` // of exit
}

// The ops of child messages.
const (
	childReady    = "ready"    // it is up
	childWaiting  = "waiting"  // it has become the job's and waits for the call
	childRefused  = "refused"  // it could not become the job's
	childResult   = "result"   // it writes a large result now
	childRejected = "rejected" // the result found no room
	childExit     = "exit"     // it ends now, with this code
)

// newChild is for a process forked by a warm parent.
func newChild(pid int, line *packets, parent *warmParent) *child {
	c := &child{
		pid: pid, line: line, parent: parent,
		said: make(chan childMessage, 4), code: make(chan int, 1), done: make(chan struct{}),
	}
	go c.listen()
	orphaned := parent.nursery.adopt(pid)
	go func() {
		// If the warm parent dies first, the child becomes ours to reap.
		select {
		case status := <-orphaned:
			c.ended(status)
		case <-c.done:
		}
	}()
	return c
}

// newSpare is for an interpreter that was started to run one job.
func newSpare(i *interpreter, pen *isolation.Group) *child {
	c := &child{
		pid: i.pid, line: i.line, pen: pen,
		said: make(chan childMessage, 4), code: make(chan int, 1), done: make(chan struct{}),
	}
	go c.listen()
	go func() { c.ended(<-i.exit) }()
	return c
}

func (c *child) ended(status syscall.WaitStatus) {
	c.once.Do(func() {
		c.status = status
		close(c.done)
	})
}

// alive reports whether the process has not ended yet.
func (c *child) alive() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// gone is closed some time after the process has ended. The kernel tells it
// through a descriptor, whoever is to reap it.
func (c *child) gone() <-chan struct{} {
	gone := make(chan struct{})
	fd, err := unix.PidfdOpen(c.pid, 0)
	if errors.Is(err, unix.ESRCH) {
		close(gone)
		return gone
	}
	if err != nil { // Linux before 5.3: then only the parent can tell
		return gone
	}
	go func() {
		defer close(gone)
		defer unix.Close(fd)
		for {
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			if !errors.Is(err, unix.EINTR) {
				return
			}
		}
	}()
	return gone
}

// awaitEnd makes sure that the end is told. One that is gone and had said its
// exit code needs no word of its parent, which takes its time; the job, whose
// code ran in it, could have chosen the code either way. A warm parent that was stopped or
// damaged does not reap its child: then it is ended, and the child is ours to reap.
func (c *child) awaitEnd() {
	select {
	case <-c.done:
		return
	case <-c.gone():
	}
	timer := time.NewTimer(overdue)
	defer timer.Stop()
	select {
	case <-c.done:
	case code := <-c.code:
		c.ended(syscall.WaitStatus(code & 0xff << 8))
	case <-timer.C:
		if c.parent != nil {
			c.parent.shoot()
		}
	}
}

// overdue is how long a warm parent may take to tell the end of its child, or
// to answer a request.
const overdue = 2 * time.Second

// listen hands on what the child says until its line ends.
func (c *child) listen() {
	defer close(c.said)
	buf := make([]byte, maxChildPacket)
	for {
		var m childMessage
		err := c.line.receive(&m, buf)
		if errors.Is(err, errNonsense) {
			continue
		}
		if err != nil {
			return
		}
		if m.Op == childExit {
			c.exits(m.Code)
		}
		c.said <- m
	}
}

// exits keeps the first code that was said; a spare is ours, and the kernel tells its end.
func (c *child) exits(code int) {
	if c.parent == nil {
		return
	}
	select {
	case c.code <- code:
	default:
	}
}

// discard takes what nobody wants to hear any more; the line is closed.
func discard(said <-chan childMessage) {
	for range said { //nolint:revive // that is all
	}
}

// maxChildPacket bounds what a job may say at once; longer is cut off, and ignored.
const maxChildPacket = 8 << 10
