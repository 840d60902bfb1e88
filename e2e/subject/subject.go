// Package subject makes what end-to-end tests try: a build of mlq, and an
// interpreter that can run jobs.
package subject

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// Main runs a package's tests after build has made what they try, in a folder that
// is there until they have ended. It gives the status to exit with.
func Main(tests interface{ Run() int }, build func(dir string) error) int {
	dir, err := os.MkdirTemp("", "mlq-subject-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := build(dir); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return tests.Run()
}

// Build builds mlq, with flags of `go build`. Its resolver of names is Go's, as in
// what is shipped.
func Build(to string, flags ...string) error {
	args := append([]string{"build", "-tags", "netgo,osusergo", "-o", to}, flags...)
	if out, err := exec.Command("go", append(args, "github.com/mlq-dev/mlq/cmd/mlq")...).CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, out)
	}
	return nil
}

// Python finds an interpreter that has mlq: MLQ_TEST_PYTHON, or that of the
// environment which `make test` makes at the root of the repository.
func Python() (string, error) {
	path := os.Getenv("MLQ_TEST_PYTHON")
	if path == "" {
		root, err := root()
		if err != nil {
			return "", err
		}
		path = filepath.Join(root, ".venv", "bin", "python")
	}
	// A symbolic link is kept: through it the interpreter finds its environment.
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if out, err := exec.Command(abs, "-c", "import mlq").CombinedOutput(); err != nil { //nolint:gosec // whoever runs the tests names it
		return "", fmt.Errorf("%s cannot import mlq (make test makes .venv): %w: %s", abs, err, out)
	}
	return abs, nil
}

// root is the folder of go.mod, above the one that a test runs in.
func root() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return dir, err
		}
	}
	return "", err
}
