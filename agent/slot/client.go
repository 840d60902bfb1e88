package slot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// Client is the agent's end of the line to one slot. Its methods send orders
// and do not wait for what follows; that arrives as Events. An error of a
// method means that the connection is gone: Connect (or Start) again and look
// at State. Safe for concurrent use.
type Client struct {
	line   *line
	state  State
	events chan Event
	err    error // why events was closed; read after that
	old    bool  // of another build, and has a job
	closed context.Context
	cancel context.CancelFunc
}

// Connect reaches the slot that serves dir and returns when it has said its
// state. A slot has one agent: an earlier connection is closed by it.
// os.ErrNotExist or syscall.ECONNREFUSED: no slot runs there.
func Connect(ctx context.Context, dir string) (*Client, error) {
	conn, err := dial(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("connect to slot: %w", err)
	}
	c := &Client{line: newLine(conn), events: make(chan Event, 64)}
	c.closed, c.cancel = context.WithCancel(context.Background())
	if err := c.hello(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("slot's state: %w", err), c.Close())
	}
	go c.receive()
	return c, nil
}

// hello waits for the state, no longer than ctx and at most 10 s.
func (c *Client) hello(ctx context.Context) error {
	until := time.Now().Add(10 * time.Second)
	if d, ok := ctx.Deadline(); ok && d.Before(until) {
		until = d
	}
	if err := c.line.conn.SetReadDeadline(until); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, c.cut)
	defer stop()
	var said json.RawMessage
	if err := c.line.receive(&said); err != nil {
		return err
	}
	if err := c.state.read(said); err != nil {
		return err
	}
	return c.line.conn.SetReadDeadline(time.Time{})
}

// read takes the first line of a slot. Of a protocol that is not known it takes what
// all of them have.
func (s *State) read(line []byte) error {
	var known struct {
		Op       string `json:"op"`
		Protocol int    `json:"protocol"`
		Version  string `json:"version"`
		PID      int    `json:"pid"`
		Attempt  *struct {
			Job   scheduler.JobID `json:"job"`
			Fence uint64          `json:"fence"`
		} `json:"attempt"`
	}
	if err := json.Unmarshal(line, &known); err != nil {
		return fmt.Errorf("decode its first message: %w", err)
	}
	if known.Op != opState {
		return fmt.Errorf("it said %q first", known.Op)
	}
	if known.Protocol <= Protocol {
		return json.Unmarshal(line, s)
	}
	*s = State{Protocol: known.Protocol, Version: known.Version, PID: known.PID}
	if known.Attempt != nil {
		s.Attempt = &Grant{Job: known.Attempt.Job, Fence: known.Attempt.Fence}
	}
	return nil
}

// receive hands events on until the connection ends.
func (c *Client) receive() {
	defer close(c.events)
	for {
		var e Event
		if err := c.line.receive(&e); err != nil {
			c.err = c.reason(err)
			return
		}
		select {
		case c.events <- e:
		case <-c.closed.Done():
			c.err = net.ErrClosed
			return
		}
	}
}

func (c *Client) reason(err error) error {
	if c.closed.Err() != nil {
		return net.ErrClosed
	}
	if errors.Is(err, io.EOF) {
		return errClosed
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("slot spoke nonsense: %w", err)
	}
	return fmt.Errorf("%w: %w", errClosed, err)
}

// State is what the slot said when the connection was made.
func (c *Client) State() State { return c.state }

// Outdated reports whether Start found the slot, of another build, with a job: it
// takes no further one, and ends after this one.
func (c *Client) Outdated() bool { return c.old }

// Events are what the slot reports, in order. The channel is closed when the
// connection ends; Err then says why. It must be read: a slot drops an agent
// that reads nothing for 5 seconds.
func (c *Client) Events() <-chan Event { return c.events }

// Err is why Events was closed; net.ErrClosed after Close.
func (c *Client) Err() error { return c.err }

// Grant gives the slot a lease. locks are the lock files of all its devices,
// held by the caller; the slot keeps a descriptor of each until the clean end.
// The caller closes its own as soon as Grant returns, or the locks outlive the
// attempt. Answered by EventForked, or by EventError: release it.
func (c *Client) Grant(g Grant, locks []*os.File) error {
	return c.line.send(order{Op: opGrant, Files: len(locks), Grant: &g}, locks...)
}

// Go hands the call over, after start was committed; see CallFile and CallFiles.
// The files stay the caller's and may be closed at once.
func (c *Client) Go(ref scheduler.LeaseRef, call ...*os.File) error {
	return c.line.send(order{Op: opGo, Files: len(call), Job: ref.Job, Fence: ref.Fence}, call...)
}

// Extend moves the deadline of the slot's attempt to this CLOCK_BOOTTIME: the
// lease was renewed. One that is earlier than the deadline is ignored.
func (c *Client) Extend(ref scheduler.LeaseRef, deadline time.Duration) error {
	return c.line.send(order{Op: opExtend, Job: ref.Job, Fence: ref.Fence, Until: deadline})
}

// Cancel ends the attempt with SIGTERM, and SIGKILL after the grace.
func (c *Client) Cancel(ref scheduler.LeaseRef, s Stop) error {
	return c.line.send(order{
		Op: opCancel, Job: ref.Job, Fence: ref.Fence,
		Grace: s.Grace, Why: s.Why, Outcome: s.Outcome,
	})
}

// Revoke ends the attempt at once, with SIGKILL: the lease is not ours any
// more. Its outcome is lost.
func (c *Client) Revoke(ref scheduler.LeaseRef) error {
	return c.line.send(order{Op: opRevoke, Job: ref.Job, Fence: ref.Fence})
}

// Done makes the slot forget an attempt that has ended, and remove its files:
// its finish was committed, or refused for good. A slot with an attempt takes no grant.
func (c *Client) Done(ref scheduler.LeaseRef) error {
	return c.line.send(order{Op: opDone, Job: ref.Job, Fence: ref.Fence})
}

// Quit ends the slot process when it has no attempt (any more).
func (c *Client) Quit() error { return c.line.send(order{Op: opQuit}) }

// Close ends the connection. The slot and its attempt go on.
func (c *Client) Close() error {
	c.cancel()
	return c.line.close()
}

// cut ends a wait inside receive.
func (c *Client) cut() {
	// A failure means that the connection is gone, which is what is wanted.
	_ = c.line.conn.SetReadDeadline(time.Unix(1, 0))
}
