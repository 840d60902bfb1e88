package isolation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Group is the control group of one attempt, whoever made its folder.
type Group struct {
	dir string
	// ours: the folder is ours to remove; otherwise systemd does so when it is empty.
	ours bool
}

// Dir is the group's folder in the cgroup2 tree, by which Adopt finds it again.
func (g *Group) Dir() string { return g.dir }

// Adopt is the group that an earlier process held at this folder, which may be
// gone. Only the folder of a group of an attempt is one.
func Adopt(s *Spec, dir string) (*Group, error) {
	name := strings.TrimSuffix(filepath.Base(dir), scopeSuffix)
	if s == nil || name != s.Name || !strings.HasPrefix(name, namePrefix) {
		return nil, fmt.Errorf("%s is not the group of an attempt", dir)
	}
	return &Group{dir: dir, ours: s.Level == Cgroup}, nil
}

const (
	procsFile  = "cgroup.procs"
	killFile   = "cgroup.kill" // Linux 5.14
	eventsFile = "cgroup.events"
)

// join puts a process, with all its threads, into the group.
func (g *Group) join(pid int) error {
	return write(g.dir, procsFile, strconv.Itoa(pid))
}

// holds reports whether the kernel says that the process is in the group.
func (g *Group) holds(pid int) (bool, error) {
	at, err := folderOf(pid)
	return at == g.dir, err
}

// Kill ends every process in the group, also one that forks while it is ended.
// They are dead, but need not be reaped, when Empty says so.
func (g *Group) Kill() error {
	err := write(g.dir, killFile, "1")
	if gone(err) {
		return killable(g.dir)
	}
	return err
}

// killable says why a group cannot be ended as a whole; nil: it can, or is gone.
func killable(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, killFile)); err == nil {
		return nil
	}
	if _, err := os.Stat(dir); gone(err) {
		return nil
	}
	return errors.New("control groups cannot be ended as a whole here: that needs Linux 5.14")
}

// Empty reports whether no process is alive in the group, or it is gone.
func (g *Group) Empty() (bool, error) {
	populated, err := g.count(eventsFile, "populated")
	if gone(err) {
		return true, nil
	}
	return err == nil && populated == 0, err
}

// Clear kills what is in the group, and returns when nothing is. late is called
// now and then when that takes long.
func (g *Group) Clear(ctx context.Context, late func()) error {
	for pause, began := time.Millisecond, time.Now(); ; pause = min(2*pause, longestPause) {
		empty, err := g.Empty()
		if err != nil || empty {
			return err
		}
		if err := g.Kill(); err != nil {
			return fmt.Errorf("end a control group: %w", err)
		}
		if time.Since(began) > lateAfter {
			began = time.Now()
			late()
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

const (
	longestPause = 20 * time.Millisecond
	lateAfter    = 10 * time.Second
)

// Remove takes the empty group away, and what groups a job has made in it.
func (g *Group) Remove() error {
	if !g.ours {
		return nil
	}
	return removeGroups(g.dir)
}

// removeGroups removes folders of the tree: their files are no files, and go with them.
func removeGroups(dir string) error {
	entries, err := os.ReadDir(dir)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeGroups(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := syscall.Rmdir(dir); err != nil && !gone(err) {
		return &os.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}

// count reads one value of a file of lines "name value".
func (g *Group) count(file, name string) (int64, error) {
	text, err := os.ReadFile(filepath.Join(g.dir, file))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == name {
			return strconv.ParseInt(fields[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s/%s has no %s", g.dir, file, name)
}

// write hands a value to the kernel, in one write, and makes no file.
func write(dir, file, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// gone: the folder was removed, before or while we looked.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV)
}
