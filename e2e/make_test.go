package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// machine is a machine that lacks something, as make finds it.
type machine struct {
	env   []string
	fakes map[string]string // programs that come before the real ones
	only  []string          // the real ones that there are; nil: all
	args  []string          // of make
	want  string            // what it says, beside make's own last line
}

// TestMakeSaysWhatIsMissing: one line, that says what to do.
func TestMakeSaysWhatIsMissing(t *testing.T) {
	inVenv := environment(t.TempDir())
	made := t.TempDir()
	writeProgram(t, filepath.Join(made, "bin", "python"), "exec "+python+` "$@"`)
	writeProgram(t, filepath.Join(made, ".made"), "")
	for name, m := range map[string]machine{
		"an old Go": {
			fakes: map[string]string{"go": `[ "$*" = "env GOVERSION" ] && echo go1.19.8`},
			args:  []string{"build"}, want: `^make: Go 1\.19\.8 is too old; install Go 1\.21 or newer from https://`,
		},
		"no Go": {
			only: []string{"bash", "sh", "make", "git", "awk", "cat", "grep", "test"},
			args: []string{"build"}, want: `^make: Go is not installed; install Go 1\.21`,
		},
		"a Go that must not fetch its toolchain": {
			fakes: map[string]string{"go": `echo go1.21.13`},
			args:  []string{"build"}, want: `^make: Go 1\.21\.13 could not fetch the toolchain .* leave GOTOOLCHAIN at auto`,
		},
		"an old Python": {
			fakes: map[string]string{"python3": `echo 3.8`},
			args:  inVenv, want: `^make: Python 3\.8 is too old; install Python 3\.9 or newer`,
		},
		"no such Python": {
			args: append(inVenv, "PYTHON=python3.99"), want: `^make: there is no python3\.99; run: apt-get install python3`,
		},
		"a Python that does not start": {
			fakes: map[string]string{"python3": `echo broken >&2; exit 127`},
			args:  inVenv, want: `^make: python3 does not start; name another`,
		},
		"no python3-venv": {
			fakes: map[string]string{"python3": `case "$*" in *ensurepip*) exit 1 ;; *) echo 3.11 ;; esac`},
			args:  inVenv, want: `^make: Python 3\.11 cannot make virtual environments; run: apt-get install python3-venv`,
		},
		"no network for Go": {
			env:  []string{"GOPROXY=http://127.0.0.1:9", "GONOSUMDB=*", "GOMODCACHE=" + t.TempDir(), "GOFLAGS=-modcacherw"},
			args: []string{"build"}, want: `^make: no network: 'go build' could not reach`,
		},
		"no network for pip": {
			env:  []string{"PIP_INDEX_URL=http://127.0.0.1:9/simple", "PIP_CONFIG_FILE=/dev/null", "PIP_NO_CACHE_DIR=1", "PIP_FIND_LINKS="},
			args: environment(made), want: `^make: installing .*\nmake: no network: '.*python -m' could not reach`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := m.make(t)
			if err == nil {
				t.Errorf("make %s succeeded: %s", m.args, said)
			}
			if !regexp.MustCompile(m.want).MatchString(said) || strings.Count(said, "\n") > strings.Count(m.want, `\n`)+1 {
				t.Errorf("make %s said\n%s\nwant one line %s", m.args, said, m.want)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(made, ".client")); err == nil {
		t.Error("an environment without the client is taken for a whole one")
	}
}

// environment are the arguments for making the Python environment in a folder.
func environment(dir string) []string { return []string{"VENV=" + dir, dir + "/.client"} }

func writeProgram(t *testing.T, path, script string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestMakeTakesNoBrokenEnvironment: one whose making was cut off, whose Python
// is gone, or that is of another Python, is made anew.
func TestMakeTakesNoBrokenEnvironment(t *testing.T) {
	const trial = `case "$1 $2" in "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;; *) echo 3.11 ;; esac`
	m := machine{fakes: map[string]string{"python3": trial, "python3.11": trial}}
	dir := filepath.Join(t.TempDir(), "venv")
	target := []string{"VENV=" + dir, dir + "/.made"}
	remade := func(args ...string) bool {
		t.Helper()
		mark := filepath.Join(dir, "mark")
		writeProgram(t, mark, "")
		m.args = slices.Concat(args, target)
		if said, err := m.make(t); err != nil {
			t.Fatal(err, said)
		}
		_, err := os.Stat(mark)
		return err != nil
	}
	writeProgram(t, filepath.Join(dir, "bin", "python"), "") // cut off: no .made
	if !remade() {
		t.Error("an environment whose making was cut off is kept")
	}
	if remade() {
		t.Error("a whole environment is made again")
	}
	if !remade("PYTHON=python3.11") || remade("PYTHON=python3.11") || remade() {
		t.Error("PYTHON= makes it anew, once, and it then stays")
	}
	if err := os.Remove(filepath.Join(dir, "bin", "python")); err != nil {
		t.Fatal(err)
	}
	if !remade() {
		t.Error("an environment without its Python is kept")
	}
}

// make runs make; its own lines ("make: *** …") are left out of what it said.
func (m *machine) make(t *testing.T) (said string, err error) {
	t.Helper()
	path := m.folder(t)
	if m.only == nil {
		path += ":" + os.Getenv("PATH")
	}
	cmd := exec.Command("make", append([]string{"-C", ".."}, m.args...)...)
	cmd.Env = append(append(os.Environ(), "PATH="+path, "LC_ALL=C", "MAKEFLAGS=", "MAKELEVEL="), m.env...)
	out, err := cmd.CombinedOutput()
	for _, line := range strings.SplitAfter(string(out), "\n") {
		if !regexp.MustCompile(`^make(\[\d+\])?: (\*\*\*|Entering|Leaving)`).MatchString(line) {
			said += line
		}
	}
	return said, err
}

// folder has the fakes, and links to the real programs that are named.
func (m *machine) folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, script := range m.fakes {
		writeProgram(t, filepath.Join(dir, name), script)
	}
	for _, name := range m.only {
		real, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(real, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestMakeTestNeedsPackages: without root it says what to install.
func TestMakeTestNeedsPackages(t *testing.T) {
	script, err := os.Open("../scripts/need.sh")
	if err != nil {
		t.Fatal(err)
	}
	defer script.Close()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bash, "-s", "test")
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr, cmd.Dir, cmd.Env = script, &said, "/", []string{"PATH=/nowhere"}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	const want = "make: the tests need redis-server curl gcc libc6-dev systemd dbus-daemon chromium; run: sudo apt-get install redis-server curl gcc libc6-dev systemd dbus-daemon chromium\n"
	if err := cmd.Run(); err == nil || said.String() != want {
		t.Errorf("%v, said %q, want %q", err, said.String(), want)
	}
}
