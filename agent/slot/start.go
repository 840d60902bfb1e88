package slot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Start connects to the slot that serves o.Dir, and starts one where none
// runs: command (for example mlq, slot) with o's flags, in a session of its
// own, so that it outlives the caller. Its output goes to slot.log in its folder.
func Start(ctx context.Context, command []string, o Options) (*Client, error) {
	c, err := Connect(ctx, o.Dir)
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
		return c, err
	}
	if err := spawnSlot(ctx, command, o); err != nil {
		return nil, fmt.Errorf("start slot: %w", err)
	}
	return Connect(ctx, o.Dir)
}

// spawnSlot returns when the new slot listens.
func spawnSlot(ctx context.Context, command []string, o Options) error {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return err
	}
	logPath := filepath.Join(o.Dir, "slot.log")
	log, err := os.OpenFile(logPath, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	ready, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	o.ReadyFD = 3
	cmd := exec.Command(command[0], append(command[1:len(command):len(command)], o.Args()...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Env = slotEnviron()
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return err
	}
	// It outlives us; but while we live somebody must reap it. How it ended is in its log.
	go func() { _ = cmd.Wait() }()
	return awaitReady(ctx, ready, logPath)
}

// awaitReady waits for the byte that a slot writes when it listens.
func awaitReady(ctx context.Context, ready *os.File, logPath string) error {
	stop := context.AfterFunc(ctx, func() { ready.Close() })
	defer stop()
	if _, err := io.ReadFull(ready, make([]byte, 1)); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("it ended before it listened; see %s", logPath)
	}
	return nil
}

// slotEnviron is what a slot needs of the agent's environment: none of its secrets.
func slotEnviron() []string {
	env := []string{"LANG=C.UTF-8"}
	for _, name := range []string{"PATH", "HOME", "TZ"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}
