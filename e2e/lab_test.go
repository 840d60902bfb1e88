package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// labDir is a folder for a test whose agents have slots: these outlive them for a while,
// and start an interpreter for the next job, which may write beside what is removed.
func labDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mlq-lab-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := eventually(stopPatience, func() error { return os.RemoveAll(dir) }); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// mlq runs a command of an admin against the first server and returns its output.
func (l *lab) mlq(args ...string) string {
	l.t.Helper()
	out, err := l.try(args...)
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

func (l *lab) try(args ...string) (string, error) {
	return l.run(binary, args...)
}

// command runs another program.
func (l *lab) command(name string, args ...string) string {
	l.t.Helper()
	out, err := l.run(name, args...)
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

func (l *lab) run(name string, args ...string) (string, error) {
	return l.fed("", name, args...)
}

// fed runs a program with text on its standard input.
func (l *lab) fed(input, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	cmd.Dir = l.dir
	cmd.Env = append(l.env(), "MLQ_URL="+l.servers[0].url, "MLQ_TOKEN="+l.admin)
	out, err := cmd.Output()
	if err != nil {
		var stderr []byte
		if exit, ok := err.(*exec.ExitError); ok {
			stderr = exit.Stderr
		}
		return string(out), fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, stderr)
	}
	return string(out), nil
}

// eventually runs mlq until its output matches.
func (l *lab) eventually(pattern string, args ...string) string {
	l.t.Helper()
	want := regexp.MustCompile("(?m)" + pattern)
	var out string
	err := eventually(60*time.Second, func() (err error) {
		if out, err = l.try(args...); err == nil && !want.MatchString(out) {
			err = fmt.Errorf("no match for %s in:\n%s", want, out)
		}
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}
