package agent

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/agent/pyenv"
	"github.com/mlq-dev/mlq/scheduler"
)

// script is an interpreter that others can write: it tells as whom it is run,
// and what it finds.
const script = `#!/bin/sh
echo "$(id -u) $(id -g) $(id -G) $MLQ_TOKEN" > "$0.out"
echo '{"implementation": "cpython", "version": "3.11.7", "cloudpickle": "3.1.0"}'
`

func TestRootProbesNothingThatOthersCanWrite(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root must take care")
	}
	t.Setenv("MLQ_TOKEN", "secret")
	dir := t.TempDir()
	python := filepath.Join(dir, "python")
	out := python + ".out"
	err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755),
		os.WriteFile(python, []byte(script), 0o755), os.WriteFile(out, nil, 0o666), os.Chmod(out, 0o666))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		uid, gid int
		mode     os.FileMode
		want     string
		problem  bool // for jobs of root itself
	}{
		{0, 0, 0o755, "0 0 0", false},
		{65533, 65532, 0o755, "65533 65532 65532", true},
		{0, 0, 0o757, "65534 65534 65534", true},
	} {
		if err := errors.Join(os.Chown(python, c.uid, c.gid), os.Chmod(python, c.mode)); err != nil {
			t.Fatal(err)
		}
		var s safety
		found := pyenv.Probe(t.Context(), []pyenv.Candidate{{Name: "default", Path: python}}, s.probeAs(&accounts{runAs: RunAsSelf}))
		if found[0].Problem != "" {
			t.Errorf("probe: %s", found[0].Problem)
		}
		if said, err := os.ReadFile(out); err != nil || strings.TrimSpace(string(said)) != c.want {
			t.Errorf("an interpreter of %d with mode %o was asked as %q, want %q, %v", c.uid, c.mode, said, c.want, err)
		}
		s.refuse(found)
		if got := strings.Contains(found[0].Problem, "--run-as"); got != c.problem {
			t.Errorf("an interpreter of %d with mode %o: problem %q", c.uid, c.mode, found[0].Problem)
		}
	}
}

// An interpreter whose owner cannot be had either is asked as nobody.
func TestProbeOfWhatIsNotThere(t *testing.T) {
	var s safety
	cmd := exec.Command("/no/such/python")
	if as := s.probeAs(&accounts{runAs: RunAsSelf}); as != nil {
		as(cmd)
	}
	if os.Geteuid() == 0 && cmd.SysProcAttr.Credential.Uid != nobody {
		t.Errorf("asked as %+v", cmd.SysProcAttr.Credential)
	}
	environments := []scheduler.Environment{{Name: "a", Path: "/no/such/python", Problem: "it does not start"}}
	if s.refuse(environments); environments[0].Problem != "it does not start" {
		t.Errorf("the first problem was replaced: %s", environments[0].Problem)
	}
}
