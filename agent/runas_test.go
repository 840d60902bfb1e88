package agent_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/agent/pyenv"
	"github.com/mlq-dev/mlq/scheduler"
)

// curious is a job that tells who it is, and what of its host it could reach.
const curious = `
import ctypes, mlq, os, signal, stat

def refused(do, *args):
    try:
        do(*args)
    except PermissionError:
        return True
    return False

def read(path):
    with open(path, "rb") as f:
        return f.read(1)

def reach(root):
    found = []
    for folder, names, files in os.walk(root):
        for name in files:
            path = os.path.join(folder, name)
            if os.access(path, os.R_OK): found.append(path)
    return found

def poke(pid):
    """Which ways into another process are open."""
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ways = {
        "kill": not refused(os.kill, pid, 0),
        "memory": not refused(open, f"/proc/{pid}/mem", "r+b"),
        "environ": not refused(read, f"/proc/{pid}/environ"),
        "descriptors": not refused(os.listdir, f"/proc/{pid}/fd"),
        "ptrace": ptrace(0x4206, pid, 0, 0) == 0,  # PTRACE_SEIZE
    }
    return [way for way, open_ in ways.items() if open_]

def parents():
    pid, chain = os.getppid(), []
    while pid > 1 and len(chain) < 3:
        chain.append(pid)
        pid = int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
    return chain

def f(msg):
    open("out/file", "w").close()
    job, out = os.stat("."), os.stat("out")
    above = parents()
    return {
        "uids": os.getresuid(), "gids": os.getresgid(), "groups": sorted(os.getgroups()),
        "home": os.environ["HOME"], "user": os.environ["USER"], "env": sorted(os.environ),
        "folders": [job.st_uid, job.st_gid, stat.S_IMODE(job.st_mode), out.st_uid, out.st_gid],
        "above": len(above), "open": {str(p): poke(p) for p in above if poke(p)},
        "reach": reach(msg["data"]),
        "listed": not refused(os.listdir, os.path.join(msg["data"], "jobs")),
        "others": [p for p in msg.get("others", []) if not refused(read, p) or not refused(os.listdir, os.path.dirname(p))],
        "root again": not refused(os.setuid, 0),
        "result": stat.S_ISREG(os.fstat(4).st_mode) and not refused(read, "/proc/self/fd/4"),
        "fds": sorted(os.readlink(f"/proc/self/fd/{n}") for n in range(5)),
    }
`

// seen is what such a job returned.
type seen struct {
	UIDs, GIDs, Groups []int
	Home, User         string
	Env                []string
	Folders            []int
	Above              int
	Open               map[string][]string
	Reach              []string
	Listed             bool
	Others             []string
	RootAgain          bool `json:"root again"`
	Result             bool
	FDs                []string
}

func (w *world) look(who scheduler.Who, msg map[string]any) (scheduler.JobID, seen) {
	w.t.Helper()
	id := w.submitFrom(who, call(curious, msg))
	var s seen
	if err := json.Unmarshal([]byte(w.value(id)), &s); err != nil {
		w.t.Fatal(err)
	}
	return id, s
}

// startAs runs an agent of root whose jobs run as somebody else.
func (w *world) startAs(t *testing.T, runAs string, p pyenv.Candidate) *host {
	t.Helper()
	h := &host{w: w, name: "h1", gpus: "cpu:1", data: filepath.Join(openDir(t), "data"), ended: make(chan error, 1)}
	if err := os.Mkdir(h.data, 0o711); err != nil {
		t.Fatal(err)
	}
	h.run(func(o *agent.Options) { o.RunAs, o.Pythons = runAs, []pyenv.Candidate{p} })
	return h
}

func (s *seen) is(t *testing.T, a unixAccount) {
	t.Helper()
	same := func(ids []int, want int) bool {
		return len(ids) == 3 && !slices.ContainsFunc(ids, func(id int) bool { return id != want })
	}
	if !same(s.UIDs, a.uid) || !same(s.GIDs, a.gid) || !slices.Equal(s.Groups, []int{1, a.gid}) {
		t.Errorf("it ran as %v %v %v, want %d %d and the group daemon", s.UIDs, s.GIDs, s.Groups, a.uid, a.gid)
	}
	if s.Home != a.home || s.User != a.name {
		t.Errorf("HOME=%s USER=%s, want %s %s", s.Home, s.User, a.home, a.name)
	}
	if want := []int{a.uid, a.gid, 0o700, a.uid, a.gid}; !slices.Equal(s.Folders, want) {
		t.Errorf("its folders are %v, want %v", s.Folders, want)
	}
}

// keptApart: nothing of the agent's or of others' is within reach.
func (s *seen) keptApart(t *testing.T, h *host, own scheduler.JobID) {
	t.Helper()
	if s.Above < 2 || len(s.Open) > 0 || s.RootAgain {
		t.Errorf("of the %d processes above it could get into %v; root again: %v", s.Above, s.Open, s.RootAgain)
	}
	for _, path := range s.Reach {
		if !strings.HasPrefix(path, filepath.Join(h.data, "runner")+"/") && !strings.HasPrefix(path, fmt.Sprintf("%s/jobs/%d/", h.data, own)) {
			t.Errorf("it could read %s", path)
		}
	}
	if s.Listed || len(s.Others) > 0 {
		t.Errorf("it saw the jobs there are (%v), and into %v", s.Listed, s.Others)
	}
	if s.Result {
		t.Error("its result's file can be opened again by name")
	}
	want := []string{
		"CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES", "HOME", "LANG", "LOGNAME", "MLQ_ATTEMPT", "MLQ_FENCE_TOKEN",
		"MLQ_JOB_DIR", "MLQ_JOB_ID", "MLQ_TOKEN", "MLQ_URL", "PATH", "TMPDIR", "USER",
	}
	if !slices.Equal(s.Env, want) {
		t.Errorf("its environment has %v, want %v", s.Env, want)
	}
}

func TestRunAsUser(t *testing.T) {
	a, p := newAccount(t, "u"), openPython(t)
	w := newWorld(t, 1)
	h := w.startAs(t, a.name, p)
	id, s := w.look(scheduler.Who{User: "ana"}, map[string]any{"data": h.data})
	s.is(t, a)
	s.keptApart(t, h, id)
	job, err := w.sched.Job(w.ctx, id)
	if err != nil || job.Result.FileCount != 1 {
		t.Errorf("its file was not taken from out/: %+v, %v", job.Result, err)
	}
	hosts, err := w.sched.Hosts(w.ctx)
	if err != nil || hosts[0].RunAs != a.name || hosts[0].Isolation != "own process session and unix user" {
		t.Errorf("the host tells %q, %q, %v", hosts[0].RunAs, hosts[0].Isolation, err)
	}
	if pids := rootsPythons(t, p.Path); len(pids) == 0 {
		t.Error("no warm parent of root, though the environment is root's")
	}
}

func TestRunAsSubmitter(t *testing.T) {
	ana, ben, p := newAccount(t, "a"), newAccount(t, "b"), openPython(t)
	w := newWorld(t, 1)
	waiting := map[string]scheduler.JobID{} // from before any host is known
	for unix := range homeless {
		waiting[unix] = w.submitFrom(scheduler.Who{User: "cleo", Unix: unix}, call("def f(msg): pass", nil))
	}
	h := w.startAs(t, agent.RunAsSubmitter, p)
	first, s := w.look(scheduler.Who{User: "ana", Unix: ana.name}, map[string]any{"data": h.data})
	s.is(t, ana)
	file := filepath.Join(h.data, "jobs", fmt.Sprint(first), "out", "file")
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	others := []string{file, filepath.Join(h.data, "agent.lock"), filepath.Join(h.data, "jobs", fmt.Sprint(first)+".json"), filepath.Join(h.data, "spool", "x"), filepath.Join(h.data, "slots", "x")}
	second, s := w.look(scheduler.Who{User: "ben", Unix: ben.name}, map[string]any{"data": h.data, "others": others})
	s.is(t, ben)
	s.keptApart(t, h, second)

	for unix, id := range waiting {
		want := homeless[unix]
		w.until("the reason why the job of "+unix+" waits", func() bool {
			why, err := w.sched.Why(w.ctx, id, scheduler.Shown{})
			return err == nil && strings.Contains(fmt.Sprint(why), want)
		}, func() string { why, err := w.sched.Why(w.ctx, id, scheduler.Shown{}); return fmt.Sprint(why, err) })
		if job, err := w.sched.Job(w.ctx, id); err != nil || job.State != scheduler.Queued || len(job.Attempts) > 0 {
			t.Errorf("the job of %q is %s after %d attempts, %v", unix, job.State, len(job.Attempts), err)
		}
	}
}

// A data folder that the jobs' users cannot reach is a mistake that is told at
// the start, not at the first job.
func TestRunAsSomebodyWhoCannotReachTheData(t *testing.T) {
	a := newAccount(t, "r")
	closed := t.TempDir()
	data := filepath.Join(closed, "data")
	if err := errors.Join(os.Chmod(closed, 0o700), os.Mkdir(data, 0o711)); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, 1)
	for runAs, want := range map[string]string{
		a.name: closed, agent.RunAsSubmitter: closed, "mlq-no-such": "no unix account", "root": "jobs do not run as root",
	} {
		o, err := hostOptions("h1", data, "cpu:1", w.sched, w.shelf.http.URL, python)
		if err != nil {
			t.Fatal(err)
		}
		o.RunAs = runAs
		if made, err := agent.New(w.ctx, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("run-as %s: %v, want …%s…", runAs, err, want)
			if made != nil {
				made.Close()
			}
		}
	}
}

// A working directory that the job's user may not enter, on any step of the way.
func TestWorkDirOfAnotherUser(t *testing.T) {
	a, p := newAccount(t, "w"), openPython(t)
	shared := openDir(t)
	for dir, mode := range map[string]os.FileMode{"open": 0o755, "closed": 0o700, "closed/open": 0o755} {
		path := filepath.Join(shared, dir)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t, 1)
	w.startAs(t, a.name, p)
	in := func(dir string) scheduler.JobID {
		return w.submitFrom(scheduler.Who{User: "ana"}, call("import os\ndef f(msg): return os.getcwd()", nil, fmt.Sprintf("workdir=%q", dir)))
	}
	closed := in(filepath.Join(shared, "closed", "open"))
	open := filepath.Join(shared, "open")
	if got := w.value(in(open)); got != open {
		t.Errorf("it ran in %s", got)
	}
	w.until("the reason", func() bool {
		why, err := w.sched.Why(w.ctx, closed, scheduler.Shown{})
		return err == nil && strings.Contains(fmt.Sprint(why), "do not let the job enter "+filepath.Join(shared, "closed", "open")+": h1")
	}, func() string { why, err := w.sched.Why(w.ctx, closed, scheduler.Shown{}); return fmt.Sprint(why, err) })
	if why, err := w.sched.Why(w.ctx, closed, scheduler.Shown{}); err != nil || why.Estimate.Known {
		t.Errorf("no host lets it in, and it starts %+v, %v", why.Estimate, err)
	}
	if job, err := w.sched.Job(w.ctx, closed); err != nil || len(job.Attempts) > 0 {
		t.Errorf("attempts %+v, %v", job.Attempts, err)
	}
}
