package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestInstalledBinary: from the source tree what make built is installed, not a
// program that go build has left there; from an archive the one beside the script.
func TestInstalledBinary(t *testing.T) {
	for _, c := range []struct {
		name   string
		script string // where install.sh lies
		source bool
		want   string
	}{
		{"source tree", "scripts/install.sh", true, "built"},
		{"archive", "install.sh", false, "beside it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, to := t.TempDir(), t.TempDir()
			text, err := os.ReadFile("../scripts/install.sh")
			put(t, filepath.Join(from, c.script), string(text), err)
			put(t, filepath.Join(from, "mlq"), "#!/bin/sh\necho beside it\n", nil)
			put(t, filepath.Join(from, "deploy/systemd/mlq.service"), "", nil)
			put(t, filepath.Join(from, "deploy/env/mlq.env"), "", nil)
			if c.source {
				put(t, filepath.Join(from, "go.mod"), "", nil)
				put(t, filepath.Join(from, "bin/mlq"), "#!/bin/sh\necho built\n", nil)
			}
			install := exec.Command("bash", filepath.Join(from, c.script))
			install.Env = append(os.Environ(), "DESTDIR="+to, "PREFIX=/usr", "SYSCONFDIR=/etc")
			if out, err := install.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			out, err := exec.Command(filepath.Join(to, "usr/bin/mlq")).Output()
			if said := strings.TrimSpace(string(out)); err != nil || said != c.want {
				t.Errorf("the installed one says %q, %v; want %q", said, err, c.want)
			}
		})
	}
}

// put writes a program or a file, with the folders on the way to it.
func put(t *testing.T, path, text string, err error) {
	t.Helper()
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}
