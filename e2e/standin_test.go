package e2e

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mlq-dev/mlq/gpu/nvml/standin"
)

// driverOf is the state of a session's stand-in for NVIDIA's driver.
type driverKey struct{}

// nvidia is the command of sessions that makes and changes it:
//
//	nvidia N             from now on, daemons find a driver with N GPUs
//	nvidia KEY=VALUE…    its state changes (gpu/nvml/standin/c/standin.h has the keys)
//	nvidia -KEY…         a line of its state goes
func nvidia(ts *testscript.TestScript, neg bool, args []string) {
	t := ts.Value("t").(testing.TB)
	if neg || len(args) == 0 {
		ts.Fatalf("usage: nvidia N, or nvidia KEY=VALUE…")
	}
	state, _ := ts.Value(driverKey{}).(*driverState)
	if n := strings.Index("0123456789", args[0]); len(args) == 1 && n >= 0 {
		folder := standin.Build(t)
		state.State = standin.New(t, n)
		state.Beside(folder)
		ts.Setenv("LD_LIBRARY_PATH", folder)
		return
	}
	if state.State == nil {
		ts.Fatalf("no driver yet: nvidia N")
	}
	for _, arg := range args {
		if key, gone := strings.CutPrefix(arg, "-"); gone {
			state.Unset(key)
			continue
		}
		key, value, _ := strings.Cut(arg, "=")
		state.Set(key, value)
	}
}

type driverState struct{ *standin.State }
