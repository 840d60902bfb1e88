// Package e2e tests the real binary: as terminal sessions (testdata/*.txtar),
// and under faults that are put upon it from outside.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the mlq under test, python an interpreter that can run jobs.
var binary, python string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "mlq-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "mlq")
	build := exec.Command("go", "build", "-tags", "netgo,osusergo", "-o", binary, "../cmd/mlq")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: build:", err)
		return 1
	}
	if python, err = findPython(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return m.Run()
}

// findPython takes the environment that `make test` makes, or MLQ_TEST_PYTHON.
func findPython() (string, error) {
	path := os.Getenv("MLQ_TEST_PYTHON")
	if path == "" {
		path = "../.venv/bin/python"
	}
	// A symbolic link is kept: through it the interpreter finds its environment.
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if out, err := exec.Command(abs, "-c", "import mlq").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s cannot import mlq (make test makes .venv): %w: %s", abs, err, out)
	}
	return abs, nil
}
