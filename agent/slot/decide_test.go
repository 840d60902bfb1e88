package slot

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent/isolation"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

func TestChooseMode(t *testing.T) {
	ana := &Account{Name: "ana", UID: 1001, GID: 1001}
	group := &isolation.Spec{Level: isolation.Cgroup}
	safe, unsafe := error(nil), errors.New("/opt/py belongs to user 1001, not to root")
	for name, c := range map[string]struct {
		grant   Grant
		euid    uint32
		preload bool
		unsafe  error
		warm    bool
		spareAs *Account
		refused string
	}{
		"own user":                            {euid: 1000, warm: true},
		"own user, several people":            {grant: Grant{Shared: true}, euid: 1000},
		"somebody else without root":          {grant: Grant{Account: ana}, euid: 1000, refused: "cannot run a job as ana"},
		"named, but the same":                 {grant: Grant{Account: ana}, euid: 1001, warm: true},
		"root, as somebody":                   {grant: Grant{Account: ana}, unsafe: safe, warm: true},
		"root, as somebody, unsafe":           {grant: Grant{Account: ana}, unsafe: unsafe, spareAs: ana},
		"root as itself, unsafe":              {unsafe: unsafe, refused: "belongs to user 1001"},
		"root as itself":                      {unsafe: safe, warm: true},
		"variable, nothing preloaded":         {grant: Grant{Vars: map[string]string{"OMP_NUM_THREADS": "1"}}, euid: 1000, warm: true},
		"variable that a module has read":     {grant: Grant{Vars: map[string]string{"OMP_NUM_THREADS": "1"}}, euid: 1000, preload: true},
		"variable, as somebody":               {grant: Grant{Account: ana, Vars: map[string]string{"MKL_X": "1"}}, preload: true, spareAs: ana},
		"variable that no module reads early": {grant: Grant{Vars: map[string]string{"LR": "1"}}, euid: 1000, preload: true, warm: true},
	} {
		c.grant.Isolation = group
		m, err := chooseMode(&c.grant, c.euid, c.preload, func() error { return c.unsafe })
		if c.refused != "" {
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: %v, want a refusal with %q", name, err, c.refused)
			}
			continue
		}
		if err != nil || m.warm != c.warm || m.account != c.spareAs {
			t.Errorf("%s: %+v, %v; want warm %v, as %v", name, m, err, c.warm, c.spareAs)
		}
		if c.spareAs != nil && m.hold != group || c.spareAs == nil && m.hold != nil {
			t.Errorf("%s: a spare as %v waits in %v", name, c.spareAs, m.hold)
		}
	}
}

func TestStopping(t *testing.T) {
	c := clocks{deadline: 100, termBefore: 20, killBefore: 10, grace: 5, timeout: 7, timeoutAt: 30}
	for name, run := range map[string]struct {
		do   func(s *stopping)
		want []action // at 0, 30, 35, 80, 90
		out  scheduler.Outcome
	}{
		"nothing but the clocks": {func(*stopping) {}, []action{actNone, actTerm, actKill, actNone, actNone}, scheduler.OutcomeTimedOut},
		"cancel first": {
			func(s *stopping) { s.ask(causeCancel, scheduler.OutcomeCancelled, "", 85) },
			[]action{actTerm, actNone, actNone, actNone, actKill},
			scheduler.OutcomeCancelled,
		},
		"revoke": {func(s *stopping) {
			s.ask(causeCancel, scheduler.OutcomeCancelled, "", 85)
			s.ask(causeRevoke, scheduler.OutcomeLost, "", 0)
			s.killAt = 1
		}, []action{actTerm, actKill, actNone, actNone, actNone}, scheduler.OutcomeLost},
	} {
		var s stopping
		run.do(&s)
		for i, now := range []time.Duration{0, 30, 35, 80, 90} {
			s.due(c, now)
			if got := s.step(now); got != run.want[i] {
				t.Errorf("%s: at %d %v, want %v", name, now, got, run.want[i])
			}
		}
		if s.outcome != run.out {
			t.Errorf("%s: outcome %s, want %s", name, s.outcome, run.out)
		}
	}
}

func TestDeadlineIsEnforcedUnlessKept(t *testing.T) {
	c := clocks{deadline: 100, termBefore: 20, killBefore: 10}
	for _, keep := range []bool{false, true} {
		c.keep = keep
		var s stopping
		var got []action
		for _, now := range []time.Duration{79, 80, 89, 90} {
			s.due(c, now)
			got = append(got, s.step(now))
		}
		want := []action{actNone, actTerm, actNone, actKill}
		if keep {
			want = []action{actNone, actNone, actNone, actNone}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("keep %v: %v, want %v", keep, got, want)
		}
	}
}

func exited(code int) syscall.WaitStatus             { return syscall.WaitStatus(code << 8) }
func signaled(sig syscall.Signal) syscall.WaitStatus { return syscall.WaitStatus(sig) }

func TestJudge(t *testing.T) {
	result := &envelope.Header{Kind: envelope.KindResult}
	claims := &envelope.Header{Kind: envelope.KindError, Type: "E", Message: "a\nb", Reason: "lost"}
	cancel := stopping{cause: causeCancel, outcome: scheduler.OutcomeCancelled, why: "by ana"}
	deadline := stopping{cause: causeDeadline, outcome: scheduler.OutcomeLost, why: "not renewed"}
	for name, c := range map[string]struct {
		facts   facts
		outcome scheduler.Outcome
		reason  scheduler.Reason
		detail  string
		keep    bool
	}{
		"result":                  {facts{header: result}, scheduler.OutcomeSucceeded, "", "", true},
		"result, but cancelled":   {facts{header: result, stop: cancel}, scheduler.OutcomeCancelled, "", "by ana", false},
		"result at the deadline":  {facts{header: result, stop: deadline}, scheduler.OutcomeSucceeded, "", "", true},
		"killed at the deadline":  {facts{status: signaled(9), stop: deadline}, scheduler.OutcomeLost, "", "not renewed", false},
		"result and a wrong code": {facts{header: result, status: exited(2)}, scheduler.OutcomeFailed, scheduler.ReasonError, "exit code 2", false},
		"error claims too much":   {facts{header: claims, status: exited(1)}, scheduler.OutcomeFailed, scheduler.ReasonError, "E: a b", true},
		"error with exit code 0":  {facts{header: claims}, scheduler.OutcomeFailed, scheduler.ReasonError, "exit code 0", false},
		"out of memory":           {facts{status: signaled(9), starved: starvedOfHost}, scheduler.OutcomeFailed, scheduler.ReasonOOM, "SIGKILL: the host ran out of memory", false},
		"over its limit":          {facts{status: signaled(9), starved: starvedOfOwn, memory: 3 << 20}, scheduler.OutcomeFailed, scheduler.ReasonOOM, "a job may have 3 MiB of memory here, and it used more", false},
		"one of the two":          {facts{status: signaled(9), starved: starvedOfEither, memory: 3 << 20}, scheduler.OutcomeFailed, scheduler.ReasonOOM, "or the host ran out of it", false},
		"killed by somebody":      {facts{status: signaled(9)}, scheduler.OutcomeFailed, scheduler.ReasonKilled, "nobody here sent", false},
		"too large":               {facts{header: result, size: 2}, scheduler.OutcomeFailed, scheduler.ReasonRejected, "2 bytes", false},
		"no room":                 {facts{rejected: spoolFull, status: exited(1)}, scheduler.OutcomeFailed, scheduler.ReasonRejected, spoolFull, false},
		"command":                 {facts{command: true}, scheduler.OutcomeSucceeded, "", "", true},
	} {
		if c.facts.limit = 1; c.facts.size == 0 {
			c.facts.limit = 10
		}
		v := judge(c.facts)
		if v.outcome != c.outcome || v.reason != c.reason || !strings.Contains(v.detail, c.detail) || v.keep != c.keep {
			t.Errorf("%s: %+v, want %s/%s %q keep %v", name, v, c.outcome, c.reason, c.detail, c.keep)
		}
	}
}

func TestParseStat(t *testing.T) {
	line := "42 (a) b (c) S 7 42 41 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 999 0 0"
	s, err := parseStat([]byte(line))
	if err != nil || s != (procStat{PID: 42, Parent: 7, Session: 41, Start: 999}) {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{"", "42", "42 (a", "42 (a) S 1", "x (a) S 7 42 41 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 9"} {
		if s, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q read as %+v", bad, s)
		}
	}
}

func TestOptionsTravelAsArguments(t *testing.T) {
	want := DefaultOptions()
	want.Device, want.Dir, want.Spool, want.Runner = "GPU-1", "/d", "/s", "/r"
	want.Preload, want.Python, want.ReadyFD = []string{"numpy", "torch"}, "/p", 3
	want.TermBefore, want.MaxLog = 30*time.Second, 1<<20
	var got Options
	fs := flag.NewFlagSet("slot", flag.ContinueOnError)
	got.Bind(fs)
	if err := fs.Parse(want.Args()); err != nil {
		t.Fatal(err)
	}
	got.Log = want.Log
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if err := got.check(); err != nil {
		t.Error(err)
	}
	got.KillBefore = time.Hour
	if err := got.check(); err == nil {
		t.Error("a kill before the term is accepted")
	}
}

func TestRootExecutesOnlyItsOwnFiles(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root owns files as root")
	}
	// Below a folder that belongs to root alone; the usual temporary folder does not.
	root, err := os.MkdirTemp("/root", "mlq-safe-") //nolint:usetesting // as said
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	python := filepath.Join(root, "bin", "python")
	site := filepath.Join(root, "lib", "python3.11", "site-packages")
	for _, dir := range []string{filepath.Dir(python), site, filepath.Join(root, "extra")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	module := filepath.Join(site, "numpy.py")
	for path, text := range map[string]string{
		python: "", module: "", filepath.Join(site, "x.pth"): "# all of it\n" + root + "/extra\nimport os\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := CheckForRoot(python); err != nil {
		t.Fatalf("a safe environment is refused: %v", err)
	}
	for _, path := range []string{python, module, site, root, filepath.Join(root, "extra")} {
		if err := os.Chown(path, 65534, 0); err != nil {
			t.Fatal(err)
		}
		if err := CheckForRoot(python); err == nil || !strings.Contains(err.Error(), path+" belongs to user 65534") {
			t.Errorf("%s belongs to somebody else: %v", path, err)
		}
		if err := os.Chown(path, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(module, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := CheckForRoot(python); err == nil {
		t.Error("a module that all can write is accepted")
	}
}

func TestOrphansOfOthersAreLeftAlone(t *testing.T) {
	self, err := readStat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	parent, err := readStat(os.Getppid())
	if err != nil {
		t.Fatal(err)
	}
	o := &orphans{record: record{UID: uint32(os.Geteuid()), Runner: procStat{PID: 1 << 30, Session: 1 << 30, Start: 0}}}
	if o.owns(parent) {
		t.Error("a process without our marks is taken for a job's")
	}
	o.record.Runner.Session = parent.Session
	if parent.Session != 0 && !o.owns(parent) {
		t.Error("a process of the runner's session is not recognised")
	}
	o.record.Runner.Start = self.Start + 1<<40
	if o.owns(parent) {
		t.Error("a process older than the runner is taken for a job's")
	}
	o.record.Runner.Start, o.record.UID = 0, 12345
	if o.owns(parent) {
		t.Error("a process of another user is taken for a job's")
	}
}
