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
//
// A slot of another build than o.Version and o.Runner is replaced when it has no job,
// and else told to end after it: see Outdated. A *NewerError: not even that can be done.
func Start(ctx context.Context, command []string, o Options) (*Client, error) {
	c, err := Connect(ctx, o.Dir)
	if err == nil {
		return c.orReplace(ctx, command, o)
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
		return nil, err
	}
	return startNew(ctx, command, o)
}

// startNew starts a slot where none runs. Its build is whatever command is by now.
func startNew(ctx context.Context, command []string, o Options) (*Client, error) {
	if err := spawnSlot(ctx, command, o); err != nil {
		return nil, fmt.Errorf("start slot: %w", err)
	}
	c, err := Connect(ctx, o.Dir)
	if err == nil && c.state.Protocol > Protocol {
		return nil, errors.Join(fmt.Errorf("start slot: %s is mlq %s by now, whose slots this agent does not know: restart the agent", command[0], c.state.Version), c.retire(ctx))
	}
	return c, err
}

// orReplace decides what becomes of a slot that was there.
func (c *Client) orReplace(ctx context.Context, command []string, o Options) (*Client, error) {
	if err := c.state.tooNew(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if c.state.Version == o.Version && c.state.Runner == o.Runner {
		return c, nil
	}
	if c.state.Attempt == nil {
		o.Log.Info().Str("device", o.Device).Str("of", c.state.Version).Msg("replacing an idle slot of another build")
		if err := c.retire(ctx); err != nil {
			return nil, err
		}
		return startNew(ctx, command, o)
	}
	o.Log.Info().Str("device", o.Device).Str("of", c.state.Version).Msg("a slot of another build is replaced when its job has ended")
	if err := c.Quit(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	c.old = true
	return c, nil
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
	for _, name := range []string{"PATH", "HOME", "TZ", "DBUS_SYSTEM_BUS_ADDRESS"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}
