package agent_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/agent/pyenv"
	"github.com/mlq-dev/mlq/scheduler"
)

// unixAccount is an account of this machine that lives as long as its test.
type unixAccount struct {
	name     string
	uid, gid int
	home     string
}

// newAccount makes one, also a member of the group daemon.
func newAccount(t *testing.T, letter string) unixAccount {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can run jobs as somebody else")
	}
	a := unixAccount{name: fmt.Sprintf("mlqt%d%s", os.Getpid(), letter), home: filepath.Join(openDir(t), "home")}
	if out, err := exec.Command("useradd", "-m", "-d", a.home, "-G", "daemon", "-s", "/bin/sh", a.name).CombinedOutput(); err != nil {
		t.Fatalf("useradd: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("userdel", a.name).CombinedOutput(); err != nil {
			t.Errorf("userdel: %v: %s", err, out)
		}
	})
	u, err := user.Lookup(a.name)
	if err != nil {
		t.Fatal(err)
	}
	a.uid, a.gid = number(t, u.Uid), number(t, u.Gid)
	return a
}

func number(t testing.TB, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// openDir is a temporary folder that other users may pass through.
func openDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// openPython makes an environment that other users can reach, of one of the
// system's interpreters: that of these tests may lie in somebody's home.
func openPython(t *testing.T) pyenv.Candidate {
	t.Helper()
	const ask = "import sys; print(sys.version_info[0], sys.version_info[1], sep='.')"
	for _, base := range []string{"/usr/bin/python3", "/usr/local/bin/python3", python.Path} {
		real, err := filepath.EvalSymlinks(base)
		if err != nil || !openToAll(real) {
			continue
		}
		minor, err := exec.Command(real, "-I", "-c", ask).Output()
		if err != nil {
			continue
		}
		return pyenv.Candidate{Name: pyenv.Default, Path: layOut(t, real, strings.TrimSpace(string(minor)))}
	}
	t.Skip("no Python here that other users can reach: install one (apt install python3)")
	return pyenv.Candidate{}
}

func openToAll(path string) bool {
	for ; path != "/"; path = filepath.Dir(path) {
		if info, err := os.Stat(path); err != nil || info.Mode()&0o005 != 0o005 {
			return false
		}
	}
	return true
}

// layOut makes a virtual environment by hand, with cloudpickle of the tests' own.
func layOut(t *testing.T, base, minor string) string {
	t.Helper()
	venv := filepath.Join(openDir(t), "venv")
	site := filepath.Join(venv, "lib", "python"+minor, "site-packages")
	cloudpickle, err := exec.Command(python.Path, "-I", "-c", "import cloudpickle, os; print(os.path.dirname(cloudpickle.__file__))").Output()
	if err != nil {
		t.Fatal(err)
	}
	from := strings.TrimSpace(string(cloudpickle))
	metadata, err := filepath.Glob(filepath.Join(filepath.Dir(from), "cloudpickle-*.dist-info"))
	if err != nil || len(metadata) != 1 {
		t.Fatalf("cloudpickle's metadata: %v, %v", metadata, err)
	}
	path := filepath.Join(venv, "bin", "python")
	for _, err := range []error{
		os.MkdirAll(filepath.Dir(path), 0o755), os.MkdirAll(site, 0o755), os.Symlink(base, path),
		os.WriteFile(filepath.Join(venv, "pyvenv.cfg"), []byte("home = "+filepath.Dir(base)+"\n"), 0o644),
		os.CopyFS(filepath.Join(site, "cloudpickle"), os.DirFS(from)),
		os.CopyFS(filepath.Join(site, filepath.Base(metadata[0])), os.DirFS(metadata[0])),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// submitFrom queues a job of a user with this account on record.
func (w *world) submitFrom(who scheduler.Who, body string) scheduler.JobID {
	w.t.Helper()
	done, err := w.sched.Submit(w.ctx, who, []scheduler.Submission{w.parse(body)}, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return done.IDs[0]
}
