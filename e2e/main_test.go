// Package e2e tests the real binary: as terminal sessions (testdata/*.txtar),
// and under faults that are put upon it from outside.
package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mlq-dev/mlq/e2e/subject"
)

// binary is the mlq under test, python an interpreter that can run jobs.
var binary, python string

func TestMain(m *testing.M) {
	os.Exit(subject.Main(m, func(dir string) (err error) {
		binary = filepath.Join(dir, "mlq")
		if err := subject.Build(binary); err != nil {
			return err
		}
		python, err = subject.Python()
		return err
	}))
}
