package slot_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

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
