package e2e

import (
	"os/exec"
	"strings"
	"testing"
)

// TestFuzzOfNothing: a word that no fuzz target has is an error, and nothing is run.
func TestFuzzOfNothing(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("scripts/fuzz.sh", "1x", "units", "no-such-target")
	cmd.Dir = ".."
	out, _ := cmd.CombinedOutput() //nolint:errcheck // its code is looked at
	if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.HasSuffix(string(out), "no target has \"no-such-target\" in its folder or name\n") || strings.Contains(string(out), "executions") {
		t.Errorf("code %d: %s", code, out)
	}
}
