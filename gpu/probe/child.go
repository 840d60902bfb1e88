package probe

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// errEnded: the child ended before it answered; why is known to whoever keeps it.
var errEnded = errors.New("the probe has ended")

// child is one process that serves. What becomes of it decides Probe.
type child struct {
	cmd       *exec.Cmd
	in        *os.File // our end of its input
	questions lines    // into it
	calls     *calls
	said      *stderr

	news   chan message  // infos and events; read until ended, and each is
	noted  chan struct{} // noted before the next line is read, so that an answer comes after the news before it
	killed chan struct{} // closed when we have killed it
	reaped chan struct{} // closed when the process is gone
	silent chan struct{} // closed when all is read that it said
	ended  chan struct{} // closed after both
	over   chan struct{} // closed by whoever keeps it, when what became of it can be read

	killProcess func(*os.Process) error

	mu       sync.Mutex
	why      string // the first reason for which we killed it, "" if we did not
	quitting bool   // it was asked to end
}

// startChild starts the command. Its answers go to the returned child's calls.
func startChild(o Options) (*child, error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirIn.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	defer theirOut.Close()
	c := &child{
		in: in, questions: lines{out: in}, calls: newCalls(), said: &stderr{log: o.Log},
		news: make(chan message), noted: make(chan struct{}), killed: make(chan struct{}), reaped: make(chan struct{}),
		silent: make(chan struct{}), ended: make(chan struct{}), over: make(chan struct{}),
		killProcess: o.kill,
	}
	c.cmd = &exec.Cmd{Path: o.Program, Args: o.Command}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = theirIn, theirOut, c.said
	c.cmd.Env = environ()
	c.cmd.Dir = "/"
	c.cmd.WaitDelay = time.Second // what it started may keep its standard error open
	// A session of its own, so that Ctrl-C in a terminal is for the agent alone.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go c.keep(started, out)
	if err := <-started; err != nil {
		return nil, errors.Join(err, in.Close(), out.Close())
	}
	go c.read(out)
	return c, nil
}

// keep starts the process and reaps it. The kernel kills a child when the thread
// that started it ends, not the process; so that thread is held until then.
func (c *child) keep(started chan<- error, out *os.File) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	_ = c.cmd.Wait() // how it ended stands in ProcessState
	close(c.reaped)
	c.in.Close()
	select {
	case <-c.silent:
	case <-time.After(time.Second): // something that it started keeps its output open
	}
	out.Close()
	<-c.silent
	close(c.ended)
}

// read takes in what the child says until it says no more.
func (c *child) read(out *os.File) {
	defer close(c.silent)
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, longestMessage)
	for scanner.Scan() {
		if err := c.heard(scanner.Bytes()); err != nil {
			c.kill("it said what is no answer: " + err.Error())
			return
		}
	}
	if err := scanner.Err(); err != nil {
		c.kill("its answers could not be read: " + err.Error())
		return
	}
	// A process that ends closes its output first.
	select {
	case <-c.reaped:
	case <-time.After(time.Second):
		c.kill("it closed its output")
	}
}

func (c *child) heard(line []byte) error {
	var m message
	if err := json.Unmarshal(line, &m); err != nil { //nolint:musttag // package gpu's names are the same at both ends
		return fmt.Errorf("%.80q", line)
	}
	m.clean()
	if m.ID != 0 {
		return c.calls.take(m)
	}
	c.news <- m
	<-c.noted
	return nil
}

// ask puts a question and waits for the answer. A lateError: there was none in
// time. errEnded: nor will there be one.
func (c *child) ask(ctx context.Context, l lane, within time.Duration) (message, error) {
	asked := time.Now()
	mine, err := c.calls.turn(ctx, l, within, c.over)
	if err != nil {
		return message{}, err
	}
	c.send(mine.request)
	deadline := time.NewTimer(within - time.Since(asked))
	defer deadline.Stop()
	if err := await(ctx, mine.done, deadline.C, c.over, within); err != nil {
		return message{}, err
	}
	return mine.answer, nil
}

// send never waits for long: what is outstanding fits into the pipe, unless
// the child has stopped reading. When it has just ended, or is to, the question
// has no answer, like those before it; why is found out by whoever reaps it.
func (c *child) send(r request) {
	err := c.in.SetWriteDeadline(time.Now().Add(time.Second))
	if err == nil {
		err = c.questions.write(r)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.kill("it takes no questions any more")
	}
}

// quit asks the child to end.
func (c *child) quit() {
	c.mu.Lock()
	c.quitting = true
	c.mu.Unlock()
	c.in.Close()
}

func (c *child) leaving() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.quitting
}

// kill ends the child for a reason; the first one counts.
func (c *child) kill(why string) {
	c.mu.Lock()
	if c.why == "" {
		c.why = why
		close(c.killed)
	}
	c.mu.Unlock()
	_ = c.killProcess(c.cmd.Process) // an error: it is gone already
}

// reason tells in words why it is gone; only after ended.
func (c *child) reason() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why != "" {
		return c.why
	}
	return exitReason(c.cmd.ProcessState.Sys().(syscall.WaitStatus), c.said.text())
}
