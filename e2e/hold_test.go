package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/redistest"
)

// listens says which signals it gets, and from whom; SIGTERM ends it with 5.
const listens = `
import signal, sys
all = {signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP}
signal.pthread_sigmask(signal.SIG_BLOCK, all)
print("ready", flush=True)
while True:
    got = signal.sigwaitinfo(all)
    print(signal.Signals(got.si_signo).name, "of", "the terminal" if got.si_code > 0 else "a process", flush=True)
    if got.si_signo == signal.SIGTERM: sys.exit(5)
`

func newHoldLab(t *testing.T) *lab {
	t.Helper()
	l := newLabOn(t, 1, redistest.Shared(t).URL(redistest.Namespace(t)), "sim:1")
	if err := os.WriteFile(filepath.Join(l.dir, "listens.py"), []byte(listens), 0o600); err != nil {
		t.Fatal(err)
	}
	l.eventually("^1 of 1 device free", "gpus")
	return l
}

// At a terminal Ctrl-C and Ctrl-\ are the command's, from the terminal and once,
// wherever its input comes from; what is sent to mlq is passed on.
func TestSignalsOfAHeldCommand(t *testing.T) {
	t.Parallel()
	l := newHoldLab(t)
	for _, typed := range []bool{true, false} {
		s := l.onTerminal(t, typed, "hold", "10m", "--host", "gpu1", "--", python, "listens.py")
		s.shows("ready", 1)
		for n := 1; n <= 3; n++ {
			s.typed("\x03")
			s.shows("SIGINT of the terminal", n)
		}
		s.typed("\x1c")
		s.shows("SIGQUIT of the terminal", 1)
		if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		s.shows("SIGTERM of a process", 1)
		s.exits(5)
		if strings.Count(s.screen.String(), "of a process") != 1 {
			t.Errorf("typed %v: a key came twice:\n%s", typed, s.screen.String())
		}
		l.eventually("^1 of 1 device free", "gpus")
	}
}

// Without a terminal nobody else tells the command.
func TestSignalsWithoutATerminal(t *testing.T) {
	t.Parallel()
	l := newHoldLab(t)
	cmd := exec.Command(binary, "hold", "10m", "--host", "gpu1", "--", python, "listens.py")
	cmd.Dir, cmd.Env = l.dir, append(l.env(), "MLQ_URL="+l.servers[0].url, "MLQ_TOKEN="+l.admin)
	s := &terminal{t: t, cmd: cmd, ended: make(chan error, 1)}
	cmd.Stdout, cmd.Stderr = &s.screen, &s.screen
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended, if the test is content
	go func() { s.ended <- cmd.Wait() }()
	s.shows("ready", 1)
	for n := 1; n <= 2; n++ { // the second does not end mlq either
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		s.shows("SIGINT of a process", n)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.exits(5)
	l.eventually("^1 of 1 device free", "gpus")
}

// A terminal that goes away ends what was on it, and the device is given back.
func TestHangupOfAHeldCommand(t *testing.T) {
	t.Parallel()
	l := newHoldLab(t)
	s := l.onTerminal(t, true, "hold", "10m", "--host", "gpu1", "--", "sh", "-c", "echo ready; exec sleep 600")
	s.shows("ready", 1)
	if err := s.keys.Close(); err != nil {
		t.Fatal(err)
	}
	s.exits(128 + int(syscall.SIGHUP))
	l.eventually("^1 of 1 device free", "gpus")
}

// Ctrl-C where nothing runs here is mlq's own.
func TestCtrlCOfHoldAndRun(t *testing.T) {
	t.Parallel()
	l := newHoldLab(t)
	s := l.onTerminal(t, true, "hold", "10m", "--host", "gpu1")
	s.shows("export CUDA_VISIBLE_DEVICES=", 1)
	s.typed("\x03")
	s.exits(128 + int(syscall.SIGINT))
	s.shows("cancelling job 1", 1)
	l.eventually("^1 of 1 device free", "gpus")
	s = l.onTerminal(t, true, "run", "--", python, "listens.py")
	s.shows("ready", 1)
	s.typed("\x03")
	s.shows("cancelling job 2", 1)
	s.exits(128 + int(syscall.SIGINT))
	if log := l.mlq("logs", "2"); !strings.Contains(log, "SIGTERM of a process") || strings.Contains(log, "SIGINT") {
		t.Errorf("the job was told\n%s", log)
	}
}

// A hold whose lease is lost ends where somebody waits for it. With -d nobody does:
// it waits its turn again, and is granted for its whole time anew.
func TestHoldThatLosesItsLease(t *testing.T) {
	t.Parallel()
	l := newHoldLab(t)
	s := l.onTerminal(t, true, "hold", "10m", "--host", "gpu1", "--", python, "listens.py")
	s.shows("ready", 1)
	l.agent.kill()
	s.shows("has lost its devices, and would wait again", 1)
	s.shows("holds nothing any more (cancelled: its lease was lost): "+python+" gets SIGTERM", 1)
	s.shows("SIGTERM of a process", 1)
	s.exits(5)
	if j := l.job("1"); j.State != "cancelled" {
		t.Errorf("job 1 is %s", j.State)
	}
	l.startAgent()
	l.eventually("^1 of 1 device free", "gpus")
	l.mlq("hold", "-d", "10m", "--host", "gpu1")
	first := l.job("2")
	l.agent.kill()
	l.eventually("^2 +queued +hold", "jobs")
	l.startAgent()
	l.eventually("^2 +running +hold .* held until", "jobs")
	again := l.job("2")
	if n := len(again.Attempts); n != 2 || again.Attempts[0].Outcome != "lost" {
		t.Errorf("its attempts: %+v", again.Attempts)
	}
	if again.Lease == nil || first.Lease == nil || !again.Lease.EndsBy.After(first.Lease.EndsBy) {
		t.Errorf("held until %+v, then %+v", first.Lease, again.Lease)
	}
	var devices []api.Device
	if err := json.Unmarshal([]byte(l.mlq("gpus", "-o", "json")), &devices); err != nil || !devices[0].Hold {
		t.Errorf("the device: %+v, %v", devices, err)
	}
	l.mlq("cancel", "2")
	l.eventually("^1 of 1 device free", "gpus")
}
