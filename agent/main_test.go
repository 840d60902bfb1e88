package agent_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/agent/pyenv"
	"github.com/mlq-dev/mlq/agent/slot"
)

// The test binary is also a slot and an agent: what is killed in a test must
// be a process of its own.
const (
	asSlot  = "as-slot"
	asAgent = "as-agent"
)

// testVersion is that of the test binary, as agent and as slot.
const testVersion = "test"

// python is an environment with cloudpickle.
var python pyenv.Candidate

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case asSlot:
			os.Exit(slotMain(os.Args[2:]))
		case asAgent:
			os.Exit(agentMain(os.Args[2:]))
		}
	}
	path, err := testEnvironment()
	if err != nil {
		fmt.Fprintln(os.Stderr, "agent tests:", err)
		os.Exit(1)
	}
	python = pyenv.Candidate{Name: pyenv.Default, Path: path}
	os.Exit(m.Run())
}

func slotMain(args []string) int {
	o := slot.DefaultOptions()
	fs := flag.NewFlagSet(asSlot, flag.ExitOnError)
	o.Bind(fs)
	if err := fs.Parse(args); err != nil {
		return 2
	}
	o.Version = testVersion
	o.Log = zerolog.New(os.Stderr).With().Timestamp().Logger()
	if err := slot.Main(context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// agentMain is an agent alone: its arguments are those of childAgent.
func agentMain(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := runChild(ctx, args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// testEnvironment finds the repository's own environment, or makes one, once per machine.
func testEnvironment() (string, error) {
	own, err := filepath.Abs("../.venv/bin/python")
	if err != nil || usable(own) {
		return own, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "mlq-test", "agent-venv")
	path := filepath.Join(dir, "bin", "python")
	if usable(path) {
		return path, nil
	}
	for _, args := range [][]string{
		{"python3", "-m", "venv", "--clear", dir},
		{path, "-m", "pip", "install", "-q", "cloudpickle>=3"},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", errors.Join(fmt.Errorf("make an environment: %s: %.500s", strings.Join(args, " "), out), err)
		}
	}
	return path, nil
}

func usable(python string) bool {
	return exec.Command(python, "-I", "-c", "import cloudpickle; assert int(cloudpickle.__version__.split('.')[0]) >= 3").Run() == nil
}
