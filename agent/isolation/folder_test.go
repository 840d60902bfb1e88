package isolation

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// inGroup runs a shell script in a group of its own, and gives what it said.
func inGroup(t *testing.T, p Place, script string, cards []Card) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", "read x; "+script)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var k Keeper
	s := p.Spec(1, cmd.Process.Pid)
	g, err := k.Hold(t.Context(), *s, cmd.Process.Pid, cards)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "\n"); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // what it said counts
	clearGroup(t, g)
	return said.String()
}

func clearGroup(t *testing.T, g *Group) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := errors.Join(g.Clear(ctx, func() {}), removeSoon(ctx, g)); err != nil {
		t.Error(err)
	}
}

// nodesIn makes device files that all may open, by name "MAJOR:MINOR".
func nodesIn(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		major, minor, _ := strings.Cut(name, ":")
		a, err := strconv.Atoi(major)
		if err != nil {
			t.Fatal(err)
		}
		b, err := strconv.Atoi(minor)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mknod(filepath.Join(dir, name), syscall.S_IFCHR|0o666, a<<8|b); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Which cards' files open: without the driver the kernel says ENXIO for one that
// may be opened, and EPERM for one that may not.
func TestCardsOfOthersDoNotOpen(t *testing.T) {
	p := reached(t)
	dir := nodesIn(t, "195:0", "195:3", "195:4", "195:255", "195:254")
	script := "cd " + dir + "; for n in *; do (: <>$n) 2>&1; done"
	const may, mayNot = "No such device or address", "Operation not permitted"
	for name, c := range map[string]struct {
		cards []Card
		may   []string
	}{
		"a card":     {[]Card{{Kind: gpu.KindGPU, Minor: 3}}, []string{"195:3", "195:254", "195:255"}},
		"two":        {[]Card{{Kind: gpu.KindGPU, Minor: 3}, {Kind: gpu.KindGPU}}, []string{"195:0", "195:3", "195:254", "195:255"}},
		"a CPU slot": {[]Card{{Kind: gpu.KindCPU}}, nil},
	} {
		said := inGroup(t, p, script, c.cards)
		for _, node := range []string{"195:0", "195:3", "195:4", "195:254", "195:255"} {
			want := mayNot
			for _, open := range c.may {
				if open == node {
					want = may
				}
			}
			if !strings.Contains(said, node+": "+want) {
				t.Errorf("%s: %s should be %q:\n%s", name, node, want, said)
			}
		}
	}
}

// Each node gives what its letters say, for its kind, and no more.
func TestDeviceProgram(t *testing.T) {
	p := reached(t)
	dir := nodesIn(t, "1:3", "1:5", "1:7", "10:229")
	allowed := []Node{
		{Major: 1, Minor: 3, Access: "rwm"},
		{Major: 1, Minor: 5, Access: "r"},
		{Major: 1, Minor: 7, Access: "w"},
		{Block: true, Major: 10, Minor: 229, Access: "rwm"},
	}
	cmd := exec.Command("sh", "-c", "read x; cd "+dir+`
for n in *; do
  (: <$n) 2>/dev/null && echo "$n r"; (: >$n) 2>/dev/null && echo "$n w"; (: <>$n) 2>/dev/null && echo "$n rw"
done
mknod made c 1 3 2>/dev/null && echo "1:3 m"; mknod other c 1 5 2>/dev/null && echo "1:5 m"; exit 0`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd.Stdout = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	g, err := makeFolder(*p.Spec(2, 1), cmd.Process.Pid, allowed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "\n"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	clearGroup(t, g)
	if want := "1:3 r\n1:3 w\n1:3 rw\n1:5 r\n1:7 w\n1:3 m\n"; said.String() != want {
		t.Errorf("it could %q, want %q", said.String(), want)
	}
}

// A chain of processes of which each starts the next and ends: whoever kills
// them one by one comes too late each time.
func TestClearEndsWhatForksWithoutEnd(t *testing.T) {
	p := reached(t)
	relay := filepath.Join(t.TempDir(), "relay")
	if err := os.WriteFile(relay, []byte("#!/bin/sh\nsetsid \"$0\" &\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	process, in := waiting(t)
	var k Keeper
	g, err := k.Hold(t.Context(), *p.Spec(3, 1), process.Process.Pid, nil)
	if err != nil {
		t.Fatal(err)
	}
	starter := exec.Command("sh", "-c", "read x; exec "+relay)
	go2, err := starter.StdinPipe()
	if err == nil {
		err = starter.Start()
	}
	if err == nil {
		err = g.join(starter.Process.Pid)
	}
	if err == nil {
		_, err = io.WriteString(go2, "\n")
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = starter.Wait()
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait()
	if empty, err := g.Empty(); err != nil || empty {
		t.Fatalf("the chain has ended by itself: %v, %v", empty, err)
	}
	clearGroup(t, g)
}

// What is handed to the kernel as limits. Here no controller limits memory or
// processes, so that this is all that can be seen of them.
func TestLimitsAsWritten(t *testing.T) {
	all := map[string]string{"memory.oom.group": "", "memory.max": "", "memory.swap.max": "", "pids.max": ""}
	for name, c := range map[string]struct {
		limits  Limits
		missing string
		want    map[string]string
		fails   bool
	}{
		"none":                    {Limits{}, "", map[string]string{"memory.oom.group": "1"}, false},
		"none, and no controller": {Limits{}, "memory.oom.group", nil, false},
		"both": {Limits{64 << 30, 4096}, "", map[string]string{
			"memory.oom.group": "1", "memory.max": "68719476736", "memory.swap.max": "0", "pids.max": "4096",
		}, false},
		"a kernel without swap": {Limits{Memory: 1 << 30}, "memory.swap.max", map[string]string{
			"memory.oom.group": "1", "memory.max": "1073741824",
		}, false},
		"no memory controller": {Limits{Memory: 1 << 30}, "memory.max", nil, true},
		"no group of oom":      {Limits{Memory: 1 << 30}, "memory.oom.group", nil, true},
		"no pids controller":   {Limits{Processes: 100}, "pids.max", nil, true},
	} {
		dir := t.TempDir()
		for file := range all {
			if file != c.missing {
				if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		err := (&Group{dir: dir}).limit(Spec{Limits: c.limits}, nil)
		if (err != nil) != c.fails {
			t.Errorf("%s: %v", name, err)
		}
		for file := range all {
			text, err := os.ReadFile(filepath.Join(dir, file))
			if err == nil && !c.fails && string(text) != c.want[file] {
				t.Errorf("%s: %s is %q, want %q", name, file, text, c.want[file])
			}
		}
	}
}

// A limit needs its controller all the way down.
func TestControllersAreHandedDown(t *testing.T) {
	dir := t.TempDir()
	for file, text := range map[string]string{"cgroup.controllers": "cpu memory pids\n", "cgroup.subtree_control": ""} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := enable(dir, controllers(Limits{Memory: 1 << 30})); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control")); err != nil || string(text) != "+memory" {
		t.Errorf("%q, %v", text, err)
	}
	if err := enable(dir, []string{"misc"}); err == nil || !strings.Contains(err.Error(), "has no controller misc") {
		t.Errorf("%v", err)
	}
}

func TestWhereGroupsAre(t *testing.T) {
	const host = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
	const container = "22 21 0:20 / /proc rw - proc proc rw\n700 680 0:26 /system.slice/docker-1.scope /sys/fs/cgroup rw - cgroup2 cgroup rw\n"
	for _, c := range []struct{ mounts, path, want string }{
		{host, "/", "/sys/fs/cgroup"},
		{host, "/mlq.slice/mlq-job-1-1-a.scope", "/sys/fs/cgroup/mlq.slice/mlq-job-1-1-a.scope"},
		{container, "/system.slice/docker-1.scope/x", "/sys/fs/cgroup/x"},
		{container, "/system.slice/docker-2.scope", ""},
		{container, "/system.slice", ""},
		{"22 21 0:20 / /proc rw - proc proc rw\n31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n", "/", ""},
	} {
		at, root, err := parseMounts(c.mounts)
		got := ""
		if err == nil {
			got, err = below(at, root, c.path)
		}
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s is at %q, %v, want %q", c.path, got, err, c.want)
		}
	}
}

// What slots that were killed have left: spares end, empty groups go, and jobs
// that run on are left alone.
func TestLeftoversOfDeadSlots(t *testing.T) {
	p := reached(t)
	var k Keeper
	job, _ := waiting(t)
	spare, _ := waiting(t)
	running, err := k.Hold(t.Context(), *p.Spec(5, 1), job.Process.Pid, nil)
	if err != nil {
		t.Fatal(err)
	}
	penned, err := k.Hold(t.Context(), p.Spec(4, 1).Spare(1), spare.Process.Pid, nil)
	if err != nil {
		t.Fatal(err)
	}
	ended := filepath.Join(p.parent, p.Spec(3, 1).Name)
	if err := os.MkdirAll(filepath.Join(ended, "of a job of root"), 0o755); err != nil {
		t.Fatal(err)
	}
	p.sweep(t.Context())
	if empty, err := running.Empty(); err != nil || empty || !lives(t, job.Process.Pid) {
		t.Errorf("the job: empty %v, %v", empty, err)
	}
	for _, dir := range []string{penned.dir, ended} {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s stays: %v", dir, err)
		}
	}
	if lives(t, spare.Process.Pid) {
		t.Error("the spare lives on")
	}
	clearGroup(t, running)
}
