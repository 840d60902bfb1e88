package world

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// life is a process as /proc shows it.
type life struct {
	pid, parent int
	line        []byte
	ours        bool
	job         bool // it is of a job, not the interpreter that a job is forked from
}

// fence is how a job's environment begins to tell of its fence; that of the
// interpreter which waits has a zero there.
var fence = regexp.MustCompile(`MLQ_FENCE_TOKEN=[1-9]`)

// lives are the processes of the host, in the order of their pids: what has its
// folder in the command line or the environment, and what these started.
func (h *Host) lives() []life { return livesOf(h.Data + "/") }

func livesOf(folder string) []life {
	paths, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		panic(err) // the pattern is right
	}
	all := map[int]*life{}
	for _, path := range paths {
		if l, ok := readLife(path, []byte(folder)); ok {
			all[l.pid] = &l
		}
	}
	var ours []life
	for _, l := range all {
		for p := l; p != nil && !l.ours; p = all[p.parent] {
			l.ours = p.ours
		}
		if l.ours {
			ours = append(ours, *l)
		}
	}
	slices.SortFunc(ours, func(a, b life) int { return a.pid - b.pid })
	return ours
}

func readLife(path string, folder []byte) (life, bool) {
	pid, err := strconv.Atoi(filepath.Base(path))
	if err != nil {
		return life{}, false
	}
	stat, err := os.ReadFile(path + "/stat")
	_, rest, found := bytes.Cut(stat, []byte(") ")) // the name may have anything in it, but this
	fields := bytes.Fields(rest)
	if err != nil || !found || len(fields) < 2 || fields[0][0] == 'Z' {
		return life{}, false
	}
	parent, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return life{}, false
	}
	line, _ := os.ReadFile(path + "/cmdline") // it may have ended by now
	env, _ := os.ReadFile(path + "/environ")
	return life{pid, parent, line, bytes.Contains(line, folder) || bytes.Contains(env, folder), fence.Match(env)}, true
}
