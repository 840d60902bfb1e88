package slot_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestSourceRunsAndReturns(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, "import os\ndef f(msg):\n    print('hello')\n    return {'twice': msg['n'] * 2}\n", map[string]int{"n": 21}))
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	if got := view(t, ended); got != `{"twice":42}` {
		t.Errorf("result %s", got)
	}
	if got := logOf(t, ended); got != "hello\n" {
		t.Errorf("log %q", got)
	}
	if !ended.Started || ended.ExitCode != 0 {
		t.Errorf("ended as %+v", ended)
	}
	if !b.free() {
		t.Error("the device is still locked")
	}
}

func TestOneSlotRunsManyJobsInCleanProcesses(t *testing.T) {
	b := newBench(t)
	seen := map[string]bool{}
	for range 5 {
		g := b.grant()
		b.begin(g, source(t, "import os, random\nn = 0\ndef f(msg):\n    global n\n    n += 1\n    return [n, os.getpid(), random.random()]\n", nil))
		ended := b.await(slot.EventEnded).Ended
		expect(t, ended, scheduler.OutcomeSucceeded, "", "")
		got := view(t, ended)
		if !strings.HasPrefix(got, "[1,") || seen[got] {
			t.Fatalf("not a clean process: %s", got)
		}
		seen[got] = true
		b.done(g)
	}
}

func TestWhatAJobFinds(t *testing.T) {
	b := newBench(t)
	text := `
import os, sys, resource, signal
def f(msg):
    old = os.umask(0); os.umask(old)
    status = dict(line.split(":\t") for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
    return {
        "env": dict(os.environ),
        "cwd": os.getcwd(), "umask": old, "sid": os.getsid(0) == os.getpid(),
        "fds": sorted(int(n) for n in os.listdir("/proc/self/fd")),
        "stdin": os.readlink("/proc/self/fd/0"),
        "inherited": [n for n in (0, 1, 2, 3, 4) if os.get_inheritable(n)],
        "core": resource.getrlimit(resource.RLIMIT_CORE), "nnp": status["NoNewPrivs"],
        "argv": sys.argv, "mark": open("/proc/self/environ").read(),
    }
`
	var g slot.Grant
	ended := b.run(source(t, text, 1), func(grant *slot.Grant) {
		grant.Vars = map[string]string{"LR": "0.1"}
		g = *grant
	})
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	var got struct {
		Env            map[string]string
		Cwd, Stdin     string
		Umask          int
		Sid            bool
		Fds, Inherited []int
		Core           []int
		NNP, Mark      string
		Argv           []string
	}
	if err := json.Unmarshal([]byte(view(t, ended)), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"PATH": filepath.Dir(python) + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME": g.JobDir, "TMPDIR": g.JobDir + "/tmp", "LANG": "C.UTF-8", "LR": "0.1",
		"CUDA_VISIBLE_DEVICES": "", "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
		"MLQ_JOB_ID": itoa(int(g.Job)), "MLQ_ATTEMPT": "1", "MLQ_FENCE_TOKEN": itoa(int(g.Fence)),
		"MLQ_JOB_DIR": g.JobDir, "MLQ_URL": g.URL, "MLQ_TOKEN": g.Token,
	}
	for name, value := range want {
		if v, ok := got.Env[name]; !ok || v != value {
			t.Errorf("%s is %q, want %q", name, v, value)
		}
		delete(got.Env, name)
	}
	if len(got.Env) != 0 {
		t.Errorf("also in the environment: %v", got.Env)
	}
	if got.Cwd != g.JobDir || got.Umask != 0o077 || !got.Sid || got.Stdin != "/dev/null" || got.NNP != "1" {
		t.Errorf("found %+v", got)
	}
	if len(got.Inherited) != 3 || len(got.Fds) > 7 {
		t.Errorf("descriptors %v, inherited by its programs %v", got.Fds, got.Inherited)
	}
	if got.Core[0] != 0 || got.Core[1] != 0 {
		t.Errorf("core dumps of %v", got.Core)
	}
	if !strings.Contains(got.Mark, "MLQ_FENCE_TOKEN="+itoa(int(g.Fence))+"\x00") {
		t.Errorf("not marked for /proc: %q", got.Mark)
	}
}

func TestRealDevicesAreVisibleByUUID(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, "import os\ndef f(msg): return os.environ['CUDA_VISIBLE_DEVICES']", 1), func(g *slot.Grant) {
		g.Devices = []slot.Device{{UUID: "GPU-1", Kind: gpu.KindGPU}}
	})
	if got := view(t, ended); got != "GPU-1" {
		t.Errorf("CUDA_VISIBLE_DEVICES=%s", got)
	}
}

// TestSimulatedDevicesAreNotVisible: CUDA has no card of that name, and must not take another one.
func TestSimulatedDevicesAreNotVisible(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, "import os\ndef f(msg): return os.environ['CUDA_VISIBLE_DEVICES']", 1), func(g *slot.Grant) {
		g.Devices = []slot.Device{{UUID: "SIM-1", Kind: gpu.KindSim}}
	})
	if got := view(t, ended); got != "" {
		t.Errorf("CUDA_VISIBLE_DEVICES=%s", got)
	}
}

func TestCommand(t *testing.T) {
	b := newBench(t)
	g := b.grant()
	b.begin(g, command(t, "", "sh", "-c", "echo out; echo err >&2; pwd"))
	ended := b.await(slot.EventEnded).Ended
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	if got := view(t, ended); got != "0" {
		t.Errorf("result %s", got)
	}
	if got := logOf(t, ended); got != "out\nerr\n"+g.JobDir+"\n" {
		t.Errorf("log %q", got)
	}
	b.done(g)
	ended = b.run(command(t, "/nowhere", "sh", "-c", "exit 3"))
	expect(t, ended, scheduler.OutcomeFailed, scheduler.ReasonError, "exit code 3")
	if ended.ExitCode != 3 || !strings.Contains(logOf(t, ended), "no /nowhere: running in") {
		t.Errorf("%+v, log %q", ended, logOf(t, ended))
	}
}

func TestCommandThatIsNotThere(t *testing.T) {
	b := newBench(t)
	ended := b.run(command(t, "", "no-such-program-here"))
	expect(t, ended, scheduler.OutcomeFailed, scheduler.ReasonError, "command not found")
	if want := "mlq.CommandFailed: no-such-program-here: command not found"; ended.Detail != want {
		t.Errorf("detail %q, want %q", ended.Detail, want)
	}
	if ended.ExitCode != 127 {
		t.Errorf("exit code %d, shells say 127", ended.ExitCode)
	}
}

func TestOutFiles(t *testing.T) {
	b := newBench(t)
	outside := filepath.Join(b.dir, "outside")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := `
import os, socket
def f(msg):
    os.makedirs("out/sub")
    open("out/a.txt", "w").write("1234")
    open("out/sub/b.txt", "w").write("x")
    os.link("out/sub/b.txt", "out/c.txt")
    os.symlink("/etc/passwd", "out/link")
    os.mkfifo("out/fifo")
    os.link(msg, "out/hard")
    open("out/bad\nname", "w").close()
    socket.socket(socket.AF_UNIX).bind("out/sock")
    os.symlink("/etc", "out/folder")
`
	var g slot.Grant
	ended := b.run(source(t, text, outside), func(grant *slot.Grant) { g = *grant })
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	want := []slot.OutFile{{Name: "a.txt", Size: 4}, {Name: "c.txt", Size: 1}, {Name: "sub/b.txt", Size: 1}}
	if len(ended.Files) != 3 || ended.Files[0] != want[0] || ended.Files[1] != want[1] || ended.Files[2] != want[2] {
		t.Errorf("files %v, want %v", ended.Files, want)
	}
	for _, word := range []string{"2 symbolic links", "1 FIFOs", "1 hard links", "1 sockets", "1 names"} {
		if !strings.Contains(ended.Left, word) {
			t.Errorf("%q does not tell of %s", ended.Left, word)
		}
	}
	for _, name := range []string{"link", "fifo", "folder/passwd", "../secret", "sub", "/etc/passwd", "sock"} {
		if f, err := slot.OpenOut(g.JobDir, name); err == nil {
			f.Close()
			t.Errorf("%s could be opened", name)
		}
	}
	f, err := slot.OpenOut(g.JobDir, "sub/b.txt")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func TestTooManyOutFiles(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, "def f(msg):\n    for i in range(1100): open(f'out/{i}', 'w').close()", 1))
	if len(ended.Files) != 1000 || !strings.Contains(ended.Left, "100 files beyond the first 1000") {
		t.Errorf("%d files, %q", len(ended.Files), ended.Left)
	}
}

// Keys of a session open to all of its processes, whoever they run as: no job
// has those of the agent's session, or of another job's.
func TestEachJobHasAKeyringOfItsOwn(t *testing.T) {
	b := newBench(t)
	// KEYCTL_GET_KEYRING_ID of the session's; then a key for the next job.
	const text = `
import ctypes, platform
libc = ctypes.CDLL(None, use_errno=True)
keyctl, add_key = {"x86_64": (250, 248), "aarch64": (219, 217)}[platform.machine()]
def f(msg):
    ring = libc.syscall(ctypes.c_long(keyctl), 0, -3, 0, 0, 0)
    found = libc.syscall(ctypes.c_long(keyctl), 10, -3, b"user", b"mlq-test", 0)
    added = libc.syscall(ctypes.c_long(add_key), b"user", b"mlq-test", b"secret", 6, -3)
    return [ring, found, added > 0]
`
	var rings []float64
	for range 2 {
		g := b.grant()
		b.begin(g, source(t, text, 1))
		var saw []any
		if err := json.Unmarshal([]byte(view(t, b.await(slot.EventEnded).Ended)), &saw); err != nil {
			t.Fatal(err)
		}
		b.done(g)
		if saw[1] != -1.0 || saw[2] != true {
			t.Errorf("the keyring of the job: %v", saw)
		}
		rings = append(rings, saw[0].(float64))
	}
	if rings[0] == rings[1] || rings[0] <= 0 {
		t.Errorf("the keyrings are %v", rings)
	}
}
