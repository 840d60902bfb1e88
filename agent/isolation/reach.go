package isolation

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Wish is what an agent was told to do.
type Wish struct {
	Level Level // "" is None
	Limits
	// Owner tells this agent's groups from those of others on the host: its data folder.
	Owner string
}

// Check says what is wrong with the words of a wish.
func (w Wish) Check() error {
	switch w.Level {
	case None, Cgroup, Systemd, Auto, "":
	default:
		return fmt.Errorf("isolation %q: want auto, none, cgroup or systemd", w.Level)
	}
	if w.Memory < 0 || w.Memory > 0 && w.Memory < leastMemory {
		return fmt.Errorf("a job's memory of %s: want at least %s", bytes(w.Memory), bytes(leastMemory))
	}
	if w.Processes < 0 || w.Processes > 0 && w.Processes < leastProcesses {
		return fmt.Errorf("a job's processes %d: want at least %d", w.Processes, leastProcesses)
	}
	return nil
}

// What no Python starts with less than.
const (
	leastMemory    = 64 << 20
	leastProcesses = 8
)

// Reach finds out what can be had of a wish, by holding a process of its own
// for a moment. An error: a level was named that cannot be had, or limits are
// wanted and nothing here can hold a job to them.
func Reach(ctx context.Context, w Wish) (Place, error) {
	if err := w.Check(); err != nil {
		return Place{}, err
	}
	var without []string
	for _, level := range w.levels() {
		p, err := reach(ctx, w, level)
		if err == nil {
			p.Without = strings.Join(append(without, p.Without), "; ")
			p.Without = strings.Trim(p.Without, "; ")
			return p, nil
		}
		if w.Level == level {
			return Place{}, fmt.Errorf("isolation %s cannot be had: %w", level, err)
		}
		without = append(without, fmt.Sprintf("no %s: %v", level, err))
	}
	if w.Limits != (Limits{}) {
		return Place{}, fmt.Errorf("nothing here can hold a job to a limit of memory or processes (%s)", strings.Join(orAsked(without), "; "))
	}
	return Place{Level: None, Without: strings.Join(without, "; ")}, nil
}

// orAsked: without a level that was tried, none was asked for.
func orAsked(without []string) []string {
	if len(without) == 0 {
		return []string{"isolation is none"}
	}
	return without
}

// levels to try, the best first; none of them: None.
func (w Wish) levels() []Level {
	switch w.Level {
	case Auto:
		return []Level{Systemd, Cgroup}
	case Cgroup, Systemd:
		return []Level{w.Level}
	}
	return nil
}

// reach tries one level. Of Auto alone a control group may be one without the
// limit of devices, which only root can set.
func reach(ctx context.Context, w Wish, level Level) (Place, error) {
	sum := sha256.Sum256([]byte(w.Owner))
	p := Place{Level: level, Limits: w.Limits, Devices: true, tag: fmt.Sprintf("%x", sum[:4]), kernel: thisKernel}
	if level == Systemd && os.Geteuid() != 0 {
		return p, errors.New("it needs an agent of root")
	}
	if level == Cgroup {
		if err := noSystemd(); err != nil {
			return p, err
		}
		var err error
		if p.parent, err = prepareParent(p.tag, w.Limits); err != nil {
			return p, err
		}
	}
	p.sweep(ctx)
	err := try(ctx, p)
	if err != nil && level == Cgroup && w.Level == Auto {
		p.Devices, p.Without = false, fmt.Sprintf("no limit of devices: %v", err)
		err = try(ctx, p)
	}
	if err != nil {
		p.Release()
	}
	return p, err
}

// noSystemd: where systemd is the init, it alone may write in the tree.
func noSystemd() error {
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		return errors.New("control groups are systemd's here: name systemd")
	}
	return nil
}

// try holds a process that waits, as an attempt would be held, and ends it.
func try(ctx context.Context, p Place) (err error) {
	ctx, cancel := context.WithTimeout(ctx, scopePatience)
	defer cancel()
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("try a control group: %w", err)
	}
	var k Keeper
	defer k.Close()
	g, err := k.Hold(ctx, *p.Spec(0, os.Getpid()), cmd.Process.Pid, nil)
	if err != nil {
		return errors.Join(err, in.Close(), ignoreExit(cmd.Wait()))
	}
	err = g.Clear(ctx, func() {})
	_ = in.Close() // it ends even where the group could not end it
	if e := ignoreExit(cmd.Wait()); err == nil {
		err = e
	}
	return errors.Join(err, removeSoon(ctx, g))
}

// ignoreExit: it was killed, which is what was wanted.
func ignoreExit(err error) error {
	if _, exited := errors.AsType[*exec.ExitError](err); exited {
		return nil
	}
	return err
}

// removeSoon removes a group whose last process is being buried.
func removeSoon(ctx context.Context, g *Group) error {
	for {
		err := g.Remove()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}
