// Package chaos runs a whole lab under faults and looks afterwards whether a
// promise was broken. docs/reliability.md says what it does and how to run it.
package chaos

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/e2e/subject"
)

// What a run is, after -args.
var (
	seedFlag     = flag.Uint64("seed", 0, "seed of all that is drawn; 0: the fixed one, then a fresh one")
	durationFlag = flag.Duration("duration", 60*time.Second, "how long faults are injected, in each run")
	faultsFlag   = flag.String("faults", "", "only these faults, as F3,F8; else all")
	scaleFlag    = flag.Int("scale", 20, "all times of the protocol are divided by this")
	crowdFlag    = flag.Int64("crowd", 60, "arrivals wait while more jobs than this have not ended")
	mlqFlag      = flag.String("mlq", "", "the mlq to be tried; else it is built")
)

// only are the faults that are asked for.
func only() []string {
	return strings.FieldsFunc(*faultsFlag, func(r rune) bool { return r == ',' })
}

// binary is the mlq under test, python an interpreter that can run jobs.
var binary, python string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(subject.Main(m, func(dir string) (err error) {
		if binary, err = filepath.Abs(*mlqFlag); err != nil {
			return err
		}
		if *mlqFlag == "" {
			binary = filepath.Join(dir, "mlq")
			if err := subject.Build(binary); err != nil {
				return err
			}
		}
		python, err = subject.Python()
		return err
	}))
}
