package e2e

import (
	"fmt"
	"os/exec"
	"regexp"
	"testing"
	"time"
)

// TestRunSaysThatItWaits: a terminal is not silent while its job is queued.
func TestRunSaysThatItWaits(t *testing.T) {
	t.Parallel()
	d := devHere(t, "--gpus", "cpu:1", "--name", "gpu1")
	s := newShell(t, d)
	s.run("bin/mlq drain gpu1 --reason 'new driver'")
	for _, command := range [][]string{{"run", "--", "true"}, {"submit", "--wait", "examples/area.py:area", `{"a": 1, "b": 2}`}} {
		cmd := exec.Command(binary, command...)
		var said output
		cmd.Dir, cmd.Env, cmd.Stderr = s.dir, s.env, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		want := regexp.MustCompile(`(?m)^mlq: job \d waits, place 1: closed by an admin: gpu1 \(.*new driver\)$`)
		err := eventually(30*time.Second, func() error {
			if !want.MatchString(said.String()) {
				return fmt.Errorf("mlq %s said %q", command, said.String())
			}
			return nil
		})
		s.run("bin/mlq drain gpu1 --undo")
		if failure := cmd.Wait(); err != nil || failure != nil {
			t.Error(err, failure)
		}
		s.run("bin/mlq drain gpu1 --reason 'new driver'")
	}
}
