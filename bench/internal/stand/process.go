// Package stand sets up what a benchmark runs on: a Redis of its own, MLQ's
// processes and the peers' workers, each ended with the run that started it.
package stand

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopGrace is how long a process has between SIGTERM and SIGKILL.
const stopGrace = 5 * time.Second

// Process is a child of the benchmark, with its output in a file.
type Process struct {
	name   string
	output string
	cmd    *exec.Cmd
	exited chan struct{} // closed after err is set
	err    error
}

// Start runs a command in a process group of its own, with its output in
// dir/name.out. It gets SIGTERM when ctx ends; the caller stops it in any case.
func Start(ctx context.Context, dir, name string, env []string, argv ...string) (*Process, error) {
	p := &Process{name: name, output: filepath.Join(dir, name+".out"), exited: make(chan struct{})}
	out, err := os.Create(p.output)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }() // the child has its own descriptor
	p.cmd = exec.CommandContext(ctx, argv[0], argv[1:]...)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// Stop ends the process with SIGTERM, and its whole group with SIGKILL after a grace.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended
	select {
	case <-p.exited:
	case <-time.After(stopGrace):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // likewise
	<-p.exited
}

// Await polls ready every 10 ms until it answers nil, the process ends or the
// time is over.
func (p *Process) Await(ctx context.Context, limit time.Duration, ready func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%s is not ready after %v", p.name, limit))
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return fmt.Errorf("%s ended early (%w), see %s", p.name, errors.Join(p.err, err), p.output)
		case <-ctx.Done():
			return fmt.Errorf("%w: %w, see %s", context.Cause(ctx), err, p.output)
		}
	}
}
