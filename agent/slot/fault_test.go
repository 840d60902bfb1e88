package slot_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/internal/boottime"
	"github.com/mlq-dev/mlq/scheduler"
)

// waits is a job that says when it runs, and then waits for ever.
const waits = `
import mlq, os, time
def f(msg):
    mlq.context().update_progress(os.getpid())
    while True: time.sleep(3600)
`

// running starts a job and waits until it says its pid.
func (b *bench) running(text string, change ...func(*slot.Grant)) (slot.Grant, int) {
	b.t.Helper()
	g := b.grant(change...)
	b.begin(g, source(b.t, text, 1))
	return g, b.saidPID()
}

func (b *bench) saidPID() int {
	b.t.Helper()
	pid, err := strconv.Atoi(string(b.await(slot.EventProgress).Progress))
	if err != nil {
		b.t.Fatal(err)
	}
	return pid
}

func (b *bench) cancel(g slot.Grant, s slot.Stop) *slot.Ended {
	b.t.Helper()
	if err := b.client.Cancel(g.Ref(), s); err != nil {
		b.t.Fatal(err)
	}
	return b.await(slot.EventEnded).Ended
}

func TestCancelRaisesInTheJob(t *testing.T) {
	b := newBench(t)
	g, pid := b.running(`
import mlq, os, time
def f(msg):
    try:
        mlq.context().update_progress(os.getpid())
        while True: time.sleep(3600)
    except mlq.Cancelled:
        print("saved")
        raise
`)
	ended := b.cancel(g, slot.Stop{Outcome: scheduler.OutcomeCancelled, Why: "cancelled by ana", Grace: 20 * time.Second})
	expect(t, ended, scheduler.OutcomeCancelled, "", "cancelled by ana")
	if logOf(t, ended) != "saved\n" || processLives(pid) || !b.free() {
		t.Errorf("log %q, lives %v", logOf(t, ended), processLives(pid))
	}
}

func TestCancelBeforeTheCall(t *testing.T) {
	b := newBench(t)
	g := b.grant()
	ended := b.cancel(g, slot.Stop{Why: "cancelled by ana", Grace: -1})
	expect(t, ended, scheduler.OutcomeCancelled, "", "cancelled by ana")
	if ended.Started {
		t.Error("it never started")
	}
}

func TestCancelOfAJobThatIgnoresIt(t *testing.T) {
	b := newBench(t)
	g, pid := b.running(`
import mlq, os, signal, time
def f(msg):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    mlq.context().update_progress(os.getpid())
    while True: time.sleep(3600)
`)
	ended := b.cancel(g, slot.Stop{Why: "cancelled", Grace: 100 * time.Millisecond})
	expect(t, ended, scheduler.OutcomeCancelled, "", "")
	if ended.Signal != "SIGKILL" || processLives(pid) {
		t.Errorf("ended by %q", ended.Signal)
	}
}

func TestReleaseBecauseOfARevokeByAnAdmin(t *testing.T) {
	b := newBench(t)
	g, _ := b.running(waits)
	ended := b.cancel(g, slot.Stop{Outcome: scheduler.OutcomeReleased, Why: "requeued by root"})
	expect(t, ended, scheduler.OutcomeReleased, "", "requeued by root")
}

func TestRevokeKillsAtOnce(t *testing.T) {
	b := newBench(t)
	g, _ := b.running(waits)
	if err := b.client.Revoke(g.Ref()); err != nil {
		t.Fatal(err)
	}
	expect(t, b.await(slot.EventEnded).Ended, scheduler.OutcomeLost, "", "not ours any more")
}

func TestOrdersForAnotherLeaseAreIgnored(t *testing.T) {
	b := newBench(t)
	g, pid := b.running(waits)
	stale := g.Ref()
	stale.Fence--
	if err := b.client.Revoke(stale); err != nil {
		t.Fatal(err)
	}
	// The answer to a second grant comes after the revoke was handled.
	other := g
	other.Fence++
	if err := b.client.Grant(other, nil); err != nil {
		t.Fatal(err)
	}
	var e slot.Event
	for e.Kind != slot.EventError {
		e = <-b.client.Events()
	}
	if e.Kind != slot.EventError || e.Fence != other.Fence || !processLives(pid) {
		t.Fatalf("got %+v", e)
	}
}

func TestTimeLimit(t *testing.T) {
	b := newBench(t)
	_, pid := b.running(waits, func(g *slot.Grant) { g.Timeout = 50 * time.Millisecond })
	ended := b.await(slot.EventEnded).Ended
	expect(t, ended, scheduler.OutcomeTimedOut, scheduler.ReasonTimeout, "50ms")
	if processLives(pid) {
		t.Error("it lives")
	}
}

func TestDaemonsDieToo(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, `
import os, time
def f(msg):
    r, w = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.environ.clear()
            os.write(w, str(os.getpid()).encode())
            os.closerange(0, 100)
            while True: time.sleep(3600)
        os._exit(0)
    return int(os.read(r, 20))
`, 1))
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	pid, err := strconv.Atoi(view(t, ended))
	if err != nil || processLives(pid) || !b.free() {
		t.Fatalf("daemon %d lives: %v %v", pid, processLives(pid), err)
	}
}

func TestJobThatForksWithoutEndIsCleared(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, `
import os, time
def chain():
    while True:
        if os.fork(): os._exit(0)
        os.setsid()
def f(msg):
    for _ in range(4):
        if os.fork() == 0: chain()
    time.sleep(0.1)
    return 1
`, 1))
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
}

func TestEndsInWords(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		name, body string
		reason     scheduler.Reason
		detail     string
		exit       int
		signal     string
	}{
		{"exception", "raise ValueError('no such thing')", scheduler.ReasonError, "ValueError: no such thing", 1, ""},
		{"memory", "raise MemoryError()", scheduler.ReasonOOM, "MemoryError", 1, ""},
		{"os._exit", "os._exit(3)", scheduler.ReasonError, "ended itself with exit code 3", 3, ""},
		{"os._exit(0)", "os._exit(0)", scheduler.ReasonError, "ended itself with exit code 0", 0, ""},
		{"sys.exit", "sys.exit(4)", scheduler.ReasonError, "SystemExit: 4", 4, ""},
		{"segfault", "os.kill(os.getpid(), 11)", scheduler.ReasonKilled, "SIGSEGV (a bad memory access", -1, "SIGSEGV"},
		{"sigkill", "os.kill(os.getpid(), 9)", scheduler.ReasonKilled, "nobody here sent: most likely the host ran out of memory", -1, "SIGKILL"},
		{"module", "import no_such_module_here", scheduler.ReasonError, "in the environment 'default'", 1, ""},
		{"unpicklable", "import threading; return {'a': [1, threading.Lock()]}", scheduler.ReasonRejected, "result['a'][1] cannot be pickled", 1, ""},
		{"no function", "", scheduler.ReasonRejected, "has no function 'f'; it has: g", 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.t = t
			text := "import os, sys\ndef f(msg):\n    " + c.body + "\n"
			if c.body == "" {
				text = "def g(): pass"
			}
			g := b.grant()
			b.begin(g, source(t, text, 1))
			ended := b.await(slot.EventEnded).Ended
			expect(t, ended, scheduler.OutcomeFailed, c.reason, c.detail)
			if ended.ExitCode != c.exit || ended.Signal != c.signal {
				t.Errorf("exit code %d, signal %q; want %d, %q", ended.ExitCode, ended.Signal, c.exit, c.signal)
			}
			b.done(g)
		})
	}
}

func TestTracebackShowsTheJobOnly(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, "def g(x):\n    return 1 / x\ndef f(msg):\n    return g(msg)\n", 0))
	h := failure(t, ended)
	if h.Type != "ZeroDivisionError" || h.Message != "division by zero" {
		t.Errorf("%s: %s", h.Type, h.Message)
	}
	for _, want := range []string{`File "job.py", line 2, in g`, "return 1 / x", `File "job.py", line 4, in f`} {
		if !strings.Contains(h.Traceback, want) {
			t.Errorf("traceback lacks %q:\n%s", want, h.Traceback)
		}
	}
	if strings.Contains(h.Traceback, "mlq") {
		t.Errorf("frames of ours:\n%s", h.Traceback)
	}
}

func TestRunnerKilledFromOutside(t *testing.T) {
	b := newBench(t)
	_, pid := b.running(waits)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	expect(t, b.await(slot.EventEnded).Ended, scheduler.OutcomeFailed, scheduler.ReasonKilled, "SIGKILL")
}

func TestJobThatKillsItsParent(t *testing.T) {
	b := newBench(t)
	g := b.grant()
	b.begin(g, source(t, "import os, time\ndef f(msg):\n    os.kill(os.getppid(), 9)\n    time.sleep(3600)", 1))
	ended := b.await(slot.EventEnded).Ended
	expect(t, ended, scheduler.OutcomeFailed, scheduler.ReasonKilled, "the interpreter that it was forked from")
	b.done(g)
	expect(t, b.run(source(t, "def f(msg): return 1", 1)), scheduler.OutcomeSucceeded, "", "")
}

func TestJobThatStopsItsParent(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, "import os, signal\ndef f(msg):\n    os.kill(os.getppid(), signal.SIGSTOP)\n    return 1", 1))
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
}

func TestTenGigabytesOfOutput(t *testing.T) {
	b := newBench(t, func(o *slot.Options) { o.MaxLog = 1 << 20 })
	size := int64(10 << 30)
	if testing.Short() {
		size = 1 << 30
	}
	began := time.Now()
	g := b.grant()
	b.begin(g, command(t, "", "dd", "if=/dev/zero", "bs=1M", "status=none", "count="+strconv.FormatInt(size>>20, 10)))
	ended := b.await(slot.EventEnded).Ended
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	t.Logf("%d bytes in %v", size, time.Since(began))
	info, err := os.Stat(ended.Log)
	if err != nil || info.Size() > 1<<20 || info.Size() != ended.LogSize || ended.LogSize < 1<<20-1024 {
		t.Errorf("log of %d bytes on disk, %d told: %v", info.Size(), ended.LogSize, err)
	}
	if log := logOf(t, ended); !strings.Contains(log, "bytes left out]") || !strings.Contains(log, "the first ") {
		t.Error("no line says what was left out")
	}
	if !b.free() {
		t.Error("the device is still locked")
	}
	b.done(g)
	expect(t, b.run(source(t, "def f(msg): return 1", 1)), scheduler.OutcomeSucceeded, "", "")
}

func TestBinaryOutputWithoutNewline(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, "import sys\ndef f(msg):\n    sys.stdout.buffer.write(bytes(range(256)))\n    sys.stdout.write('\\udcff\\x1b[31m')", 1))
	var want strings.Builder
	for i := range 256 {
		want.WriteByte(byte(i))
	}
	if got := logOf(t, ended); got != want.String()+"\\udcff\x1b[31m" {
		t.Errorf("log %q", got)
	}
}

func TestLogHeadAndTail(t *testing.T) {
	b := newBench(t, func(o *slot.Options) { o.MaxLog = 8 << 10 })
	ended := b.run(source(t, "def f(msg):\n    print('first')\n    for i in range(5000): print('line', i)\n    print('last')", 1))
	log := logOf(t, ended)
	if !strings.HasPrefix(log, "first\nline 0\n") || !strings.HasSuffix(log, "line 4999\nlast\n") || len(log) > 8<<10 {
		t.Errorf("log of %d bytes: %.80q … %.80q", len(log), log, log[len(log)-80:])
	}
}

func TestResultOverTheLimit(t *testing.T) {
	b := newBench(t, func(o *slot.Options) { o.MaxResult = 10_000 })
	g := b.grant()
	b.begin(g, source(t, "def f(msg): return b'x' * 20_000", 1))
	expect(t, b.await(slot.EventEnded).Ended, scheduler.OutcomeFailed, scheduler.ReasonRejected, "10000 are allowed")
	b.done(g)
	// Past the runner, straight into the descriptor.
	ended := b.run(source(t, "import os\ndef f(msg):\n    os.write(4, b'x' * 20_000)\n    os._exit(0)", 1))
	expect(t, ended, scheduler.OutcomeFailed, scheduler.ReasonRejected, "10000 are allowed")
}

func TestBrokenResult(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, "import os\ndef f(msg):\n    os.write(4, b'nonsense')\n    os._exit(0)", 1))
	expect(t, ended, scheduler.OutcomeFailed, scheduler.ReasonRejected, "the result is broken")
}

func TestFullSpool(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("needs root and mounts: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	b := newBench(t, func(o *slot.Options) { o.Spool = filepath.Join(dir, "spool") })
	g := b.grant()
	b.begin(g, source(t, "def f(msg): return b'x' * 10_000_000", 1))
	ended := b.await(slot.EventEnded).Ended
	expect(t, ended, scheduler.OutcomeFailed, scheduler.ReasonRejected, "the host's spool is full")
	if !b.free() {
		t.Error("the device is still locked")
	}
	b.done(g)
	expect(t, b.run(source(t, "def f(msg): return 1", 1)), scheduler.OutcomeSucceeded, "", "")
}

func TestSlotKilledInMidJob(t *testing.T) {
	b := newBench(t)
	g, pid := b.running(`
import mlq, os, time
def f(msg):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            mlq.context().update_progress(os.getpid())
            while True: time.sleep(3600)
        os._exit(0)
    while True: time.sleep(3600)
`)
	old := b.client.State().PID
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for range b.client.Events() { //nolint:revive // until the connection has ended
	}
	if !processLives(pid) {
		t.Log("the daemon died with the slot")
	}
	b.start()
	s := b.client.State()
	if s.PID == old || s.Attempt == nil || s.Attempt.Fence != g.Fence || s.Ended == nil {
		t.Fatalf("state %+v", s)
	}
	if s.Attempt.Token != "" || s.Attempt.Vars != nil {
		t.Error("secrets were kept on disk")
	}
	expect(t, s.Ended, scheduler.OutcomeLost, "", "the slot process that ran it was killed")
	if processLives(pid) || !b.free() {
		t.Errorf("daemon lives %v, device free %v", processLives(pid), b.free())
	}
	b.done(g)
	expect(t, b.run(source(t, "def f(msg): return 1", 1)), scheduler.OutcomeSucceeded, "", "")
}

func TestAgentLostAndRegained(t *testing.T) {
	b := newBench(t)
	stop := filepath.Join(b.dir, "stop")
	g := b.grant()
	b.begin(g, source(t, "import mlq, os, time\ndef f(msg):\n    mlq.context().update_progress(1)\n    while not os.path.exists(msg): time.sleep(0.01)\n    return 7", stop))
	b.await(slot.EventProgress)
	b.client.Close()
	b.reconnect()
	s := b.client.State()
	if s.Attempt == nil || s.Attempt.Fence != g.Fence || !s.Running || s.Ended != nil {
		t.Fatalf("state %+v", s)
	}
	if err := os.WriteFile(stop, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, b.await(slot.EventEnded).Ended, scheduler.OutcomeSucceeded, "", "")
	b.client.Close()
	b.reconnect()
	if s := b.client.State(); s.Ended == nil || s.Ended.Outcome != scheduler.OutcomeSucceeded {
		t.Fatalf("the end was not kept for the next agent: %+v", s)
	}
}

func TestDeadlineWithoutAnAgent(t *testing.T) {
	b := newBench(t, func(o *slot.Options) {
		o.TermBefore, o.KillBefore, o.WatchEvery = 400*time.Millisecond, 200*time.Millisecond, 20*time.Millisecond
	})
	g, pid := b.running(waits)
	if err := b.client.Extend(g.Ref(), boottime.Now()+time.Second); err != nil { // earlier: ignored
		t.Fatal(err)
	}
	b.client.Close()
	if !processLives(pid) {
		t.Fatal("it died too early")
	}
	b.reconnect()
	if err := b.client.Revoke(g.Ref()); err != nil {
		t.Fatal(err)
	}
	b.await(slot.EventEnded)
	b.done(g)
	_, pid = b.running(waits, func(g *slot.Grant) { g.Deadline = boottime.Now() + 2*time.Second })
	b.client.Close()
	eventually(t, "the deadline to pass", func() bool { return !processLives(pid) })
	eventually(t, "the device to be free", b.free)
	b.reconnect()
	eventually(t, "the end to be written", func() bool { b.client.Close(); b.reconnect(); return b.client.State().Ended != nil })
	expect(t, b.client.State().Ended, scheduler.OutcomeLost, "", "could not be renewed")
}

func TestTwoSlotsOnOneDevice(t *testing.T) {
	b := newBench(t)
	b.running(waits)
	other := newBench(t)
	g, lock := other.lease()
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(b.lockPath()) // the first slot's device, not locked by us
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := other.client.Grant(g, []*os.File{file}); err != nil {
		t.Fatal(err)
	}
	if e := other.await(slot.EventError); !strings.Contains(e.Detail, "locked by somebody else") {
		t.Errorf("refused with %q", e.Detail)
	}
}

func TestJobCannotHoldTheLock(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, "import os\ndef f(msg):\n    return [os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')]", 1))
	if got := view(t, ended); strings.Contains(got, ".lock") || strings.Contains(got, "slot.sock") {
		t.Errorf("the job has %s", got)
	}
}

func TestBadInterpreterIsRefused(t *testing.T) {
	b := newBench(t)
	g, lock := b.lease(func(g *slot.Grant) { g.Python = "/no/such/python" })
	b.send(g, lock)
	if e := b.await(slot.EventError); e.Ref() != g.Ref() || !strings.Contains(e.Detail, "/no/such") {
		t.Errorf("got %+v", e)
	}
	if !b.free() {
		t.Error("the device is still locked")
	}
	expect(t, b.run(source(t, "def f(msg): return 1", 1)), scheduler.OutcomeSucceeded, "", "")
}

func TestProgressIsPacedAndTheLastOneComes(t *testing.T) {
	b := newBench(t)
	began := time.Now()
	ended := b.run(source(t, "import mlq\ndef f(msg):\n    for x in mlq.progress(range(3000)): pass\n    mlq.context().update_progress('x' * 100_000)\n    mlq.context().update_progress('done')", 1))
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	var last string
	n := 0
	for _, e := range b.seen {
		if e.Kind == slot.EventProgress {
			n++
			last = string(e.Progress)
		}
	}
	if last != `"done"` || n > 2+int(time.Since(began)/(250*time.Millisecond)) {
		t.Errorf("%d reports in %v, the last was %s", n, time.Since(began), last)
	}
}

func TestSpareWhereWarmIsNotAllowed(t *testing.T) {
	b := newBench(t, func(o *slot.Options) { o.Preload = []string{"json"} })
	for range 2 {
		g := b.grant(func(g *slot.Grant) { g.Vars = map[string]string{"OMP_NUM_THREADS": "3"} })
		b.begin(g, source(t, "import os\ndef f(msg): return [os.environ['OMP_NUM_THREADS'], open(f'/proc/{os.getppid()}/comm').read()]", 1))
		ended := b.await(slot.EventEnded).Ended
		if got := view(t, ended); !strings.HasPrefix(got, `["3",`) || strings.Contains(got, "python") {
			t.Errorf("result %s: its parent should be the slot itself", got)
		}
		b.done(g)
	}
}

func TestAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can run jobs as somebody else")
	}
	b := newBench(t)
	home := t.TempDir()
	for dir := home; dir != "/"; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, info.Mode()|0o011); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(home, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	ended := b.run(source(t, `
import os
def f(msg):
    open("/dev/stdout", "w").write("through /dev\n")
    open("out/file", "w").close()
    try: os.setuid(0)
    except PermissionError: again = False
    return [os.getresuid(), os.getresgid(), os.getgroups(), os.environ["USER"]]
`, 1), func(g *slot.Grant) {
		g.JobDir = home
		g.Account = &slot.Account{Name: "nobody", UID: 65534, GID: 65534}
	})
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	if got := view(t, ended); got != `[[65534,65534,65534],[65534,65534,65534],[],"nobody"]` {
		t.Errorf("ran as %s", got)
	}
	if len(ended.Files) != 1 || logOf(t, ended) != "through /dev\n" {
		t.Errorf("files %v, log %q", ended.Files, logOf(t, ended))
	}
}
