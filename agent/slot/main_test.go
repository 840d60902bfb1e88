package slot_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/mlq-dev/mlq/agent/runner"
	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/rs/zerolog"
)

// asSlot makes the test binary a slot process: a slot reaps all children of
// its process, so it must have one for itself.
const asSlot = "as-slot"

var (
	python    string // of an environment with cloudpickle only
	runnerDir string
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asSlot {
		os.Exit(slotMain(os.Args[2:]))
	}
	os.Exit(testMain(m))
}

func slotMain(args []string) int {
	o := slot.DefaultOptions()
	fs := flag.NewFlagSet(asSlot, flag.ExitOnError)
	o.Bind(fs)
	if err := fs.Parse(args); err != nil {
		return 2
	}
	o.Log = zerolog.New(os.Stderr).With().Timestamp().Logger()
	if err := slot.Main(context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "mlq-slot-test-")
	if err == nil {
		defer os.RemoveAll(dir)
		// Jobs of other users must reach what lies below.
		err = os.Chmod(dir, 0o755)
	}
	if err == nil {
		runnerDir, _, err = runner.Install(filepath.Join(dir, "runner"))
	}
	if err == nil {
		python, err = testEnvironment()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "slot tests:", err)
		return 1
	}
	return m.Run()
}

// testEnvironment makes a virtual environment with cloudpickle, once per machine.
func testEnvironment() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "mlq-test", "slot-venv")
	path := filepath.Join(dir, "bin", "python")
	if exec.Command(path, "-c", "import cloudpickle; assert int(cloudpickle.__version__.split('.')[0]) >= 3").Run() == nil {
		return path, nil
	}
	for _, args := range [][]string{
		{"python3", "-m", "venv", "--clear", dir},
		{path, "-m", "pip", "install", "-q", "cloudpickle>=3"},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("cannot make an environment with cloudpickle: %v: %v: %.500s", args, err, out)
		}
	}
	return path, nil
}
