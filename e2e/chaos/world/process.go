package world

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Kind is what a process is.
type Kind string

// The kinds of processes.
const (
	KindRedis    Kind = "redis"
	KindSentinel Kind = "sentinel"
	KindServer   Kind = "server"
	KindAgent    Kind = "agent"
)

// startPatience is how long a process may take until it is ready, also on a
// machine that does much else.
const startPatience = 60 * time.Second

// Process is one process that the world starts, and starts again: what it is
// stays, its pid changes. Its methods may be called by several at once.
type Process struct {
	Name string // "redis-a", "s1", "h1"
	Kind Kind

	argv  []string
	env   []string
	dir   string
	log   string // its output, of all its lives
	ready func(context.Context) error

	mu      sync.Mutex
	cmd     *exec.Cmd
	ended   chan struct{} // closed when cmd was waited for
	stopped bool
	began   int64 // where its present life begins in the log
	asked   bool  // somebody ends its present life
	isUp    bool  // it was ready, in its present life
	alone   map[string]int
}

// Restart starts the process where it does not run, and waits until it is ready,
// startPatience at most. One that runs is left as it is.
func (p *Process) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		ended, err := p.start()
		if err != nil {
			return fmt.Errorf("start %s: %w", p.Name, err)
		}
		if err = p.await(ctx, ended); err == nil {
			p.up()
			return nil
		} else if ctx.Err() != nil {
			return err
		}
		// It ended, because its port is not free yet or its store is away: once more.
		pause(ctx, 100*time.Millisecond)
	}
}

// start starts it, unless it runs, and gives what is closed at its end.
func (p *Process) start() (<-chan struct{}, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.runs() {
		return p.ended, nil
	}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	began, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(p.argv[0], p.argv[1:]...) //nolint:noctx // it outlives whoever starts it; Close ends it
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.dir, p.env, out, out
	// A session of its own: Ctrl-C reaches the test, which ends it. And where the test is killed, so is it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	p.cmd, p.ended, p.stopped, p.began, p.asked, p.isUp = cmd, ended, false, began, false, false
	go func() { _ = cmd.Wait(); p.over(cmd); close(ended) }() // why it ended says its log
	return ended, nil
}

// await polls until it is ready or has ended.
func (p *Process) await(ctx context.Context, ended <-chan struct{}) error {
	for {
		err := p.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("%s ended before it was ready, see %s", p.Name, p.log)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %s: %w, see %s", p.Name, startPatience, err, p.log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// runs: it has started and not ended. The caller has the lock.
func (p *Process) runs() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Running says whether it lives, stopped or not.
func (p *Process) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runs()
}

// Pid is that of the process; 0 where it does not run.
func (p *Process) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.runs() {
		return 0
	}
	return p.cmd.Process.Pid
}

// Kill ends it at once (SIGKILL), stopped or not, and returns when it is gone.
func (p *Process) Kill() error { return p.end(syscall.SIGKILL, startPatience) }

// Terminate asks it to end (SIGTERM), kills it after a grace, and returns when it is gone.
func (p *Process) Terminate(grace time.Duration) error {
	return errors.Join(p.Cont(), p.end(syscall.SIGTERM, grace), p.Kill())
}

func (p *Process) end(with syscall.Signal, grace time.Duration) error {
	p.mu.Lock()
	if !p.runs() {
		p.mu.Unlock()
		return nil
	}
	p.asked = true
	err, ended := p.cmd.Process.Signal(with), p.ended
	p.mu.Unlock()
	select {
	case <-ended:
		return nil
	case <-time.After(grace):
		if with == syscall.SIGKILL {
			return fmt.Errorf("%s outlives %s: %w", p.Name, with, err)
		}
		return nil
	}
}

// Stop freezes it (SIGSTOP). One that does not run is left so.
func (p *Process) Stop() error { return p.freeze(syscall.SIGSTOP, true) }

// Cont lets a stopped one go on (SIGCONT).
func (p *Process) Cont() error { return p.freeze(syscall.SIGCONT, false) }

func (p *Process) freeze(with syscall.Signal, stopped bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.runs() {
		return nil
	}
	p.stopped = stopped
	if err := p.cmd.Process.Signal(with); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	return nil
}

// Stopped says whether it was stopped and not continued.
func (p *Process) Stopped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped && p.runs()
}

// said: its present life has printed the text. One whose log cannot be read has not.
func (p *Process) said(text string) bool {
	p.mu.Lock()
	began := p.began
	p.mu.Unlock()
	all, err := os.ReadFile(p.log)
	return err == nil && int64(len(all)) >= began && bytes.Contains(all[began:], []byte(text))
}
