package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// buildMLQ builds the binary as make does, with the variables given.
func buildMLQ(out string, env ...string) (said string, err error) {
	arch, err := exec.Command("go", "env", "GOARCH").Output()
	if err != nil {
		return "", err
	}
	cmd := exec.Command("scripts/build.sh", "go", "-s -w", strings.TrimSpace(string(arch)), out)
	cmd.Dir, cmd.Env = "..", append(os.Environ(), env...)
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// TestBuildWithoutACompiler: it builds, says what is lacking, needs no C library,
// and refuses to ask a driver.
func TestBuildWithoutACompiler(t *testing.T) {
	out := filepath.Join(t.TempDir(), "mlq")
	said, err := buildMLQ(out, "NVML=", "CC=no-such-compiler")
	if err != nil || !regexp.MustCompile(`^make: \S+ has no NVML and cannot ask a GPU, because there is no C compiler for \w+ \(no-such-compiler\); on Debian: apt-get install gcc libc6-dev\n$`).MatchString(said) {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, c := range []struct {
		argv []string
		want string
	}{
		{[]string{out, "version"}, `^mlq dev \(go1\.\S+, linux/\w+, without NVML\)\n$`},
		{[]string{out, "version", "-o", "json"}, `"nvml": false`},
		{[]string{"go", "run", "../scripts/glibc", out}, `^none needed\n$`},
	} {
		if text, err := exec.Command(c.argv[0], c.argv[1:]...).CombinedOutput(); err != nil || !regexp.MustCompile(c.want).Match(text) {
			t.Errorf("%q: %v\n%s", c.argv[1:], err, text)
		}
	}
	dev := exec.Command(out, "dev", "--gpus", "nvml", "--data", t.TempDir(), "--listen", "127.0.0.1:0")
	text, err := dev.CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != 78 || !strings.Contains(string(text), "built without NVML") {
		t.Errorf("--gpus nvml: %v\n%s", err, text)
	}
}

// TestBuildRefuses: NVML=1 where it cannot be, and other words.
func TestBuildRefuses(t *testing.T) {
	for _, c := range []struct{ nvml, cc, want string }{
		{"1", "no-such-compiler", "make: NVML=1 needs a C compiler for "},
		{"1", "false", "make: NVML=1 needs a C compiler for "}, // one that does not compile
		{"yes", "gcc", "make: NVML=yes: want 1, 0 or nothing\n"},
	} {
		out := filepath.Join(t.TempDir(), "mlq")
		said, err := buildMLQ(out, "NVML="+c.nvml, "CC="+c.cc)
		if err == nil || !strings.HasPrefix(said, c.want) {
			t.Errorf("NVML=%s CC=%s: %v\n%s", c.nvml, c.cc, err, said)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("NVML=%s CC=%s left a binary", c.nvml, c.cc)
		}
	}
}

// TestInstallOfWhatDoesNotStart: a binary for a newer C library is not installed.
func TestInstallOfWhatDoesNotStart(t *testing.T) {
	dir, dest := t.TempDir(), t.TempDir()
	writeProgram(t, filepath.Join(dir, "mlq"), "exit 127")
	for path, text := range map[string]string{"BUILD": "NVML: yes\noldest glibc: 2.99\n", "deploy/systemd/mlq.service": "", "deploy/env/agent.env": ""} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script, err := os.ReadFile("../scripts/install.sh")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "install.sh"), script, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(dir, "install.sh"))
	cmd.Env = append(os.Environ(), "DESTDIR="+dest)
	said, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(said), "does not start on this machine; oldest glibc: 2.99") {
		t.Errorf("%v\n%s", err, said)
	}
	if left := tree(t, dest); len(left) != 0 {
		t.Errorf("it installed %q", left)
	}
}
