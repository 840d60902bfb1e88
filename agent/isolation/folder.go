package isolation

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// makeFolder makes the group of an attempt by ourselves, with its limits, and
// puts the process in it last of all.
func makeFolder(s Spec, pid int, allowed []Node) (*Group, error) {
	g := &Group{dir: filepath.Join(s.Parent, s.Name), ours: true}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a control group: %w", err)
	}
	err := g.limit(s, allowed)
	if err == nil {
		err = g.join(pid)
	}
	if err != nil {
		return nil, errors.Join(err, g.Remove())
	}
	return g, nil
}

func (g *Group) limit(s Spec, allowed []Node) error {
	for _, v := range values(s.Limits) {
		if err := write(g.dir, v.file, v.value); err != nil && (!v.optional || !errors.Is(err, fs.ErrNotExist)) {
			return fmt.Errorf("limit a control group: %w", err)
		}
	}
	if !s.Devices {
		return nil
	}
	return limitDevices(g.dir, allowed)
}

// value is what is written into a file of a group.
type value struct {
	file, value string
	optional    bool // kernels without swap, or without the controller, have no such file
}

// values are the limits as the kernel takes them. What is out of memory ends as
// a whole: a job that lost one of its processes is of no use to anybody.
func values(l Limits) []value {
	v := []value{{file: "memory.oom.group", value: "1", optional: l.Memory == 0}}
	if l.Memory > 0 {
		v = append(v, value{file: "memory.max", value: strconv.FormatInt(l.Memory, 10)},
			value{file: "memory.swap.max", value: "0", optional: true})
	}
	if l.Processes > 0 {
		v = append(v, value{file: "pids.max", value: strconv.FormatInt(l.Processes, 10)})
	}
	return v
}

// prepareParent makes the folder of one agent's groups below the group that we
// are in, gives it the controllers that limits need.
func prepareParent(tag string, l Limits) (string, error) {
	own, err := folderOf(os.Getpid())
	if err != nil {
		return "", err
	}
	parent := filepath.Join(own, "mlq-"+tag)
	if err := os.Mkdir(parent, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("make a control group: %w", err)
	}
	if err := killable(parent); err != nil {
		return "", errors.Join(err, os.Remove(parent))
	}
	for _, dir := range []string{own, parent} {
		if err := enable(dir, controllers(l)); err != nil {
			return "", errors.Join(err, os.Remove(parent))
		}
	}
	return parent, nil
}

// controllers that these limits need.
func controllers(l Limits) (names []string) {
	if l.Memory > 0 {
		names = append(names, "memory")
	}
	if l.Processes > 0 {
		names = append(names, "pids")
	}
	return names
}

// enable lets the groups below dir have the controllers.
func enable(dir string, names []string) error {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	there := strings.Fields(string(text))
	for _, name := range names {
		if !slices.Contains(there, name) {
			return fmt.Errorf("the control group %s has no controller %s to limit jobs with", dir, name)
		}
		if err := write(dir, "cgroup.subtree_control", "+"+name); err != nil {
			return fmt.Errorf("the control group %s cannot hand down its controller %s: %w", dir, name, err)
		}
	}
	return nil
}
