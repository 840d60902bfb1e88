package slot

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// capture copies what a job prints into a file that never exceeds its limit:
// the head as it comes, of the rest the last part, kept in memory until the
// end. Bytes are kept as they are. The job is never held up: what finds no room is
// left out, and a line says how much.
type capture struct {
	pipe  *os.File
	file  *os.File
	grown func(size int64) // called after the file has grown, from the capture's goroutine
	done  chan struct{}

	// Owned by the goroutine until done is closed.
	size    int64  // of the file
	head    int64  // bytes of the head
	tail    []byte // a ring, nil until the head is full
	at      int    // where the ring goes on
	wrapped bool
	total   int64 // bytes that the job printed
	lost    error // why the file could not be written
}

const (
	readSize  = 256 << 10
	pipeSize  = 1 << 20
	tailLines = 512 // bytes of the file kept for the lines about what was left out
)

// logPipe makes the pipe of a job's output. The write end is blocking, as a
// program expects of its stdout.
func logPipe() (read *os.File, write int, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, -1, os.NewSyscallError("pipe", err)
	}
	// More room means fewer switches; without, it only is slower.
	_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, pipeSize)
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, -1, os.NewSyscallError("pipe", err)
	}
	return os.NewFile(uintptr(fds[0]), "log"), fds[1], nil
}

// startCapture copies until the pipe has no writer any more, or is closed.
func startCapture(pipe, file *os.File, limit int64, grown func(int64)) *capture {
	c := &capture{pipe: pipe, file: file, grown: grown, done: make(chan struct{})}
	c.head = (limit - tailLines) / 2
	go c.run(int(limit - tailLines - c.head))
	return c
}

func (c *capture) run(tailSize int) {
	defer close(c.done)
	buf := make([]byte, 32<<10)
	for c.size < c.head {
		n, err := c.pipe.Read(buf[:min(int64(len(buf)), c.head-c.size)])
		c.total += int64(n)
		c.append(buf[:n])
		if err != nil {
			return
		}
		if n > 4<<10 && len(buf) < readSize {
			buf = make([]byte, readSize) // a job that prints much
		}
	}
	c.append([]byte(fmt.Sprintf(
		"\n[mlq: the first %d bytes of output; the last ones follow when the job has ended]\n", c.head)))
	c.fillRing(tailSize)
	c.appendTail()
}

// fillRing reads straight into the ring: what is overwritten costs one copy.
func (c *capture) fillRing(size int) {
	c.tail = make([]byte, size)
	for {
		n, err := c.pipe.Read(c.tail[c.at:min(c.at+readSize, size)])
		c.total += int64(n)
		if c.at += n; c.at == size {
			c.at, c.wrapped = 0, true
		}
		if err != nil {
			return
		}
	}
}

func (c *capture) appendTail() {
	if !c.wrapped {
		c.append(c.tail[:c.at])
		return
	}
	c.append([]byte(fmt.Sprintf("[mlq: %d bytes left out]\n", c.total-c.head-int64(len(c.tail)))))
	c.append(c.tail[c.at:])
	c.append(c.tail[:c.at])
}

// append writes to the file. When that fails (a full disk), output is dropped
// from there on, so that the file stays a prefix.
func (c *capture) append(p []byte) {
	if len(p) == 0 || c.lost != nil {
		c.size += int64(len(p)) // the head ends where it would have
		return
	}
	n, err := c.file.Write(p)
	c.size += int64(n)
	if err != nil {
		c.lost = err
		c.size += int64(len(p) - n)
		return
	}
	c.grown(c.size)
}

// finish waits for the end of the output, and gives up on a writer that is
// none of ours any more. It returns the size of the file, and why output was lost.
func (c *capture) finish(abandon <-chan struct{}) (int64, error) {
	select {
	case <-c.done:
	case <-abandon:
		c.pipe.Close()
		<-c.done
	}
	c.pipe.Close()
	info, err := c.file.Stat()
	if err != nil {
		return 0, errors.Join(c.lost, err)
	}
	return info.Size(), c.lost
}
