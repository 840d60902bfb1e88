package isolation

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// errNoTree: no cgroup2 tree is mounted.
var errNoTree = errors.New("no cgroup2 file system is mounted here")

// mountPoint finds where the cgroup2 tree is mounted, and which of its folders
// is the root of what is seen there.
func mountPoint() (at, root string, err error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", "", err
	}
	return parseMounts(string(text))
}

// parseMounts reads mountinfo (proc(5)): root and mount point are the fourth and
// fifth fields, the type stands behind the dash.
func parseMounts(text string) (at, root string, err error) {
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if ok && len(fields) >= 5 && strings.HasPrefix(after, "cgroup2 ") {
			return fields[4], fields[3], nil
		}
	}
	return "", "", errNoTree
}

// folderOf is the folder of the group that a process is in.
func folderOf(pid int) (string, error) {
	at, root, err := mountPoint()
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			return below(at, root, strings.TrimSuffix(strings.TrimSpace(path), " (deleted)"))
		}
	}
	return "", errNoTree
}

// below is where a group of the whole tree is seen under a mount that shows a part of it.
func below(at, root, path string) (string, error) {
	inside, err := filepath.Rel(root, path)
	if err != nil || inside == ".." || strings.HasPrefix(inside, "../") {
		return "", fmt.Errorf("the control group %s is not seen under %s", path, at)
	}
	return filepath.Join(at, inside), nil
}
