package planted

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/mlq-dev/mlq/e2e/subject"
)

// mlq is the build that is shipped, planted the one with the patches, python an
// interpreter that can run jobs.
var mlq, planted, python string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(subject.Main(m, func(dir string) (err error) {
		mlq, planted = filepath.Join(dir, "mlq"), filepath.Join(dir, "mlq-planted")
		if err := subject.Build(mlq); err != nil {
			return err
		}
		if err := buildPlanted(dir, planted); err != nil {
			return err
		}
		python, err = subject.Python()
		return err
	}))
}
