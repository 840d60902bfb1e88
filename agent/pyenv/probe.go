package pyenv

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mlq-dev/mlq/scheduler"
)

// probeTime is how long one interpreter has: a cold network disk is slow.
const probeTime = 30 * time.Second

// atOnce is how many interpreters are probed at the same time.
const atOnce = 4

//go:embed probe.py
var probeScript string

// Account lets a probe run as another user: a process of root must not execute an
// interpreter that somebody else can write. It may change cmd before it starts.
type Account func(cmd *exec.Cmd)

// Probe asks every candidate what it offers. An environment that cannot run
// jobs is in the answer too, with its Problem.
func Probe(ctx context.Context, candidates []Candidate, as Account) []scheduler.Environment {
	found := make([]scheduler.Environment, len(candidates))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, c := range candidates {
		g.Go(func() error {
			found[i] = probe(ctx, c, as)
			return nil
		})
	}
	_ = g.Wait() // its functions return no errors
	return found
}

// facts is the line that probe.py prints.
type facts struct {
	Executable     string            `json:"executable"` // what a wrapper (pyenv's shims) leads to
	Implementation string            `json:"implementation"`
	Version        string            `json:"version"`
	Cloudpickle    string            `json:"cloudpickle"`
	Torch          string            `json:"torch"`
	Numpy          string            `json:"numpy"`
	Managed        bool              `json:"managed"` // by the system's packages: pip refuses
	Modules        map[string]string `json:"modules"`
}

func probe(ctx context.Context, c Candidate, as Account) scheduler.Environment {
	env := scheduler.Environment{Name: c.Name, Path: c.Path}
	f, err := ask(ctx, c.Path, as)
	if err != nil {
		env.Problem = fmt.Sprintf("%s does not start (%v); name another with --python %s=PATH", c.Path, err, c.Name)
		return env
	}
	if filepath.IsAbs(f.Executable) {
		env.Path = f.Executable
	}
	env.Version, env.Cloudpickle, env.Torch, env.Numpy = f.Version, f.Cloudpickle, f.Torch, f.Numpy
	env.Modules = f.Modules
	env.Problem = problem(c, f)
	return env
}

// ask runs the probe isolated from the caller's PYTHON* variables and user
// site-packages, because jobs run so too.
func ask(ctx context.Context, path string, as Account) (facts, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(ctx, path, "-I", "-c", probeScript)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	cmd.Dir, cmd.Env = "/", environ()
	cmd.WaitDelay = time.Second
	if as != nil {
		as(cmd)
	}
	if err := cmd.Run(); err != nil {
		return facts{}, explain(ctx, err, errOut.String())
	}
	var f facts
	if err := json.Unmarshal(out.Bytes(), &f); err != nil {
		return facts{}, errors.New("it is not a Python interpreter")
	}
	return f, nil
}

// environ is what a probe finds: nothing of the caller's secrets, for it may
// run as another user.
func environ() []string {
	env := []string{"LANG=C.UTF-8"}
	for _, name := range []string{"PATH", "HOME"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// explain prefers the interpreter's own last words to "exit status 1".
func explain(ctx context.Context, err error, said string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("no answer within %v", probeTime)
	}
	said = strings.TrimSpace(said)
	if said == "" {
		return err
	}
	return errors.New(said[strings.LastIndexByte(said, '\n')+1:])
}

// problem is pure: what keeps the environment from running jobs, and the
// command that mends it; "" if nothing does.
func problem(c Candidate, f facts) string {
	switch {
	case f.Implementation != "cpython":
		return fmt.Sprintf("%s is %s; jobs need CPython: name one with --python %s=PATH", c.Path, f.Implementation, c.Name)
	case older(f.Version, 3, 9):
		return fmt.Sprintf("Python %s is too old; jobs need 3.9 or newer: name one with --python %s=PATH", f.Version, c.Name)
	case f.Cloudpickle == "":
		return "cloudpickle is missing: " + mend(c, f)
	case older(f.Cloudpickle, 3, 0):
		return fmt.Sprintf("cloudpickle %s is too old; jobs need 3 or newer: %s", f.Cloudpickle, mend(c, f))
	}
	return ""
}

// mend is the command to type. The system's own Python refuses pip, so it gets
// an environment beside it.
func mend(c Candidate, f facts) string {
	if f.Managed {
		return fmt.Sprintf("%s -m venv $HOME/mlq-env && $HOME/mlq-env/bin/pip install 'cloudpickle>=3', then --python %s=$HOME/mlq-env", c.Path, c.Name)
	}
	return c.Path + " -m pip install 'cloudpickle>=3'"
}

// older compares the first two numbers of a version; what is no number is old.
func older(version string, major, minor int) bool {
	a, rest, _ := strings.Cut(version, ".")
	b, _, _ := strings.Cut(rest, ".")
	x, err := strconv.Atoi(a)
	if err != nil || x < major {
		return true
	}
	y, err := strconv.Atoi(b)
	return x == major && minor > 0 && (err != nil || y < minor)
}
