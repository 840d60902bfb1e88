package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mlq-dev/mlq/internal/redistest"
)

// TestSessions runs the terminal sessions of testdata. Beside the commands of
// testscript they have:
//
//	start NAME ARG…      start mlq ARG… ($BUILD ARG…, if that is set) in the
//	                     background and wait until it is ready; MLQ_URL is its URL
//	build VERSION FILE   build another mlq, which says that it has this version
//	end NAME             end it with SIGTERM; it must exit with 0 (stop is testscript's
//	                     own, and ends the session as passed)
//	crash NAME           end it with SIGKILL
//	redis                start a Redis; $REDIS is its URL with a new namespace
//	eventually RE ARG…   run mlq ARG… until its output matches RE
//	exits CODE ARG…      run mlq ARG…; it must end with this exit code
//	said NAME RE VAR     VAR is what the group in RE matches in the daemon's output or log
//	nvidia N             daemons find a driver of N GPUs; nvidia KEY=VALUE changes it (standin_test.go)
//	alone DIR            no process has DIR in its command line any more
//
// $PYTHON is an interpreter that can run jobs, $REPO the folder of this module.
func TestSessions(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup:               setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": start, "end": end, "build": buildVersion, "crash": crash, "redis": redis,
			"eventually": eventuallyMatches, "exits": exits, "alone": alone, "said": said,
			"nvidia": nvidia,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("no such condition: %s", cond)
		},
	})
}

// TestSessionsRunToTheirEnd: a line "stop …" would leave the rest of a session
// out, and pass it.
func TestSessionsRunToTheirEnd(t *testing.T) {
	sessions, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(sessions) == 0 {
		t.Fatalf("no sessions: %v", err)
	}
	early := regexp.MustCompile(`(?m)^\s*(\[[^]]*\] )?(stop|skip)\b.*`)
	for _, path := range sessions {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		script, _, _ := strings.Cut(string(text), "\n-- ")
		if line := early.FindString(script); line != "" {
			t.Errorf("%s: %q ends the session early", path, line)
		}
	}
}

type daemonsKey struct{}

// setUp gives each session its own home, data and locks, away from what else
// runs on this machine.
func setUp(env *testscript.Env) error {
	t, ok := env.T().(testing.TB)
	if !ok {
		return fmt.Errorf("testscript runs under %T, not under a testing.TB", env.T())
	}
	env.Values["t"] = t
	daemons := map[string]*daemon{}
	env.Values[daemonsKey{}] = daemons
	env.Values[driverKey{}] = &driverState{}
	env.Defer(func() {
		for name, d := range daemons {
			if d.running() { // a session that failed
				t.Logf("stop %s: %v; its log:\n%s", name, d.stop(), d.log.String())
			}
		}
	})
	env.Setenv("PATH", filepath.Dir(binary)+":"+env.Getenv("PATH"))
	env.Setenv("PYTHON", python)
	repo, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	env.Setenv("REPO", repo)
	env.Setenv("MLQ_DATA", filepath.Join(env.WorkDir, "data"))
	env.Setenv("MLQ_PYTHON", python)
	env.Setenv("MLQ_GPUS", "cpu:2")
	env.Setenv("MLQ_LISTEN", "127.0.0.1:0")
	env.Setenv("MLQ_TIME_SCALE", "10")
	return nil
}

func daemonsOf(ts *testscript.TestScript) map[string]*daemon {
	return ts.Value(daemonsKey{}).(map[string]*daemon)
}

func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME ARG…")
	}
	build := binary
	if other := ts.Getenv("BUILD"); other != "" {
		build = other
	}
	d, err := startBuild(build, ts.MkAbs("."), environ(ts), args[1:]...)
	ts.Check(err)
	daemonsOf(ts)[args[0]] = d
	ts.Setenv("MLQ_URL", d.url)
	_, address, _ := strings.Cut(d.url, "://")
	ts.Setenv("ADDRESS", address)
}

// environ is the session's environment as far as mlq needs it.
func environ(ts *testscript.TestScript) []string {
	env := []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("WORK"), "TMPDIR=" + ts.Getenv("TMPDIR")}
	for _, name := range []string{"DATA", "PYTHON", "GPUS", "LISTEN", "TIME_SCALE", "STORE", "TOKEN", "NAME", "URL"} {
		if value := ts.Getenv("MLQ_" + name); value != "" {
			env = append(env, "MLQ_"+name+"="+value)
		}
	}
	// Where the stand-in for NVIDIA's driver lies.
	if folder := ts.Getenv("LD_LIBRARY_PATH"); folder != "" {
		env = append(env, "LD_LIBRARY_PATH="+folder)
	}
	return env
}

// buildVersion makes a second build of this very code: what an upgrade replaces,
// as far as the machine can see.
func buildVersion(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: build VERSION FILE")
	}
	build := exec.Command("go", "build", "-ldflags", "-X main.version="+args[0], "-o", ts.MkAbs(args[1]), "../cmd/mlq")
	if out, err := build.CombinedOutput(); err != nil {
		ts.Fatalf("build %s: %v\n%s", args[0], err, out)
	}
}

func named(ts *testscript.TestScript, args []string) *daemon {
	if len(args) != 1 || daemonsOf(ts)[args[0]] == nil {
		ts.Fatalf("want the name of a daemon that was started")
	}
	return daemonsOf(ts)[args[0]]
}

func end(ts *testscript.TestScript, neg bool, args []string) {
	d := named(ts, args)
	if neg {
		ts.Fatalf("end has no negation")
	}
	ts.Check(d.stop())
}

func crash(ts *testscript.TestScript, _ bool, args []string) { named(ts, args).kill() }

func redis(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: redis")
	}
	t := ts.Value("t").(testing.TB)
	ts.Setenv("REDIS", redistest.Shared(t).URL(redistest.Namespace(t)))
}

func eventuallyMatches(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually RE ARG…")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	ts.Check(eventually(60*time.Second, func() error {
		if err := ts.Exec("mlq", args[1:]...); err != nil {
			return err
		}
		if out := ts.ReadFile("stdout"); !want.MatchString(out) {
			return fmt.Errorf("mlq %s: no match for %s in:\n%s", strings.Join(args[1:], " "), want, out)
		}
		return nil
	}))
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE ARG…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec("mlq", args[1:]...); err != nil {
		var coded interface{ ExitCode() int }
		if !asExit(err, &coded) {
			ts.Fatalf("mlq: %v", err)
		}
		got = coded.ExitCode()
	}
	if got != want {
		ts.Fatalf("mlq %s: exit code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

func alone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: alone DIR")
	}
	ts.Check(eventually(20*time.Second, func() error { return noProcessOf(ts.MkAbs(args[0])) }))
}

// said waits for a line of a daemon's output or log and keeps a part of it.
func said(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: said NAME RE VAR")
	}
	d, want := named(ts, args[:1]), regexp.MustCompile("(?m)"+args[1])
	ts.Check(eventually(startPatience, func() error {
		text := d.out.String() + d.log.String()
		found := want.FindStringSubmatch(text)
		if found == nil {
			return fmt.Errorf("no match for %s in:\n%s", want, text)
		}
		ts.Setenv(args[2], found[1])
		return nil
	}))
}
