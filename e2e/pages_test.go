package e2e

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// typed is a command of a page, and what the page says that it prints.
type typed struct{ command, prints string }

// consoleBlocks are the terminal sessions of a page: a command after "$ ", its
// further lines after a backslash, then what it prints, if the page says.
func consoleBlocks(t *testing.T, page string) (all []typed) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?ms)^```console\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		goesOn := false
		for line := range strings.SplitSeq(strings.TrimSuffix(block[1], "\n"), "\n") {
			command, begins := strings.CutPrefix(line, "$ ")
			switch {
			case begins:
				all = append(all, typed{command: command})
			case goesOn:
				all[len(all)-1].command += "\n" + line
			default:
				all[len(all)-1].prints += line + "\n"
			}
			goesOn = strings.HasSuffix(line, `\`) && (begins || goesOn)
		}
	}
	return all
}

// TestReadme: its first two commands are targets of the Makefile; all others are
// typed one after the other, as they stand, into one shell beside mlq dev.
func TestReadme(t *testing.T) {
	t.Parallel()
	commands := consoleBlocks(t, "../README.md")
	if len(commands) < 8 || !strings.HasPrefix(commands[0].command, "make run ") || !strings.HasPrefix(commands[1].command, "make test ") {
		t.Fatalf("the page does not open with make run and make test: %q", commands)
	}
	d := devHere(t, "--gpus", "cpu:2")
	s := newShell(t, d)
	for _, c := range commands[2:] {
		if strings.Contains(c.command, "Ctrl-C") {
			s.interrupt(c.command)
			continue
		}
		if out := s.run(strings.ReplaceAll(c.command, "localhost:5001", d.address())); c.prints != "" && strings.TrimSpace(out) != strings.TrimSpace(c.prints) {
			t.Errorf("$ %s\n%swant\n%s", c.command, out, c.prints)
		}
	}
}

// TestDataPage: the commands of docs/data.md, typed one after the other beside a host that
// has the folder and the label that they ask for.
func TestDataPage(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "labels.txt"), []byte("cat\ndog\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := newShell(t, devHere(t, "--gpus", "cpu:2", "--label", "data=imagenet"))
	s.env = append(s.env, "PATH="+filepath.Dir(binary)+":"+filepath.Dir(python)+":"+os.Getenv("PATH"))
	commands := consoleBlocks(t, "../docs/data.md")
	if len(commands) < 10 {
		t.Fatalf("only %d commands: %q", len(commands), commands)
	}
	for _, c := range commands {
		if out := s.run(strings.ReplaceAll(c.command, "/mnt/imagenet", folder)); strings.TrimSpace(out) != strings.TrimSpace(c.prints) {
			t.Errorf("$ %s\n%swant\n%s", c.command, out, c.prints)
		}
	}
}

// TestWhatNext: the three commands that make run prints work as printed.
func TestWhatNext(t *testing.T) {
	t.Parallel()
	d := devHere(t, "--gpus", "cpu:2", "--", "true")
	var lines []string
	err := eventually(startPatience, func() error {
		_, next, _ := strings.Cut(d.out.String(), "Try next")
		_, next, _ = strings.Cut(next, "\n")
		if lines = strings.Split(strings.TrimSpace(next), "\n"); len(lines) != 3 {
			return fmt.Errorf("%d commands to try next:\n%s", len(lines), d.out.String())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s := newShell(t, d)
	for i, want := range []string{"no jobs", "42", `"gpus":`} {
		if out := s.run(lines[i]); !strings.Contains(out, want) {
			t.Errorf("$ %s\n%swant %s", lines[i], out, want)
		}
	}
}

// TestQuickstart is what make run does, on this Python.
func TestQuickstart(t *testing.T) {
	t.Parallel()
	out, err := here(t, exec.Command(binary, "dev", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--gpus", "cpu:1", "--python", python,
		"--once", "--", python, "../examples/quickstart/train.py")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`mlq job 1 \w+: (queued, place 1|running on .+, queued for \d+\.\d s)`, `epoch  50  loss 0\.`, `epoch 400  loss 0\.`, `accuracy on 25 flowers that it never saw: (0\.9|1\.0)`} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

// here gives a command the environment of somebody who has set nothing.
func here(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	cmd.Env = []string{"PATH=" + filepath.Dir(python) + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	return cmd
}

// devHere starts mlq dev until the test ends.
func devHere(t *testing.T, args ...string) *daemon {
	t.Helper()
	args = append([]string{"dev", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--python", python}, args...)
	d, err := startDaemon(t.TempDir(), here(t, exec.Command(binary)).Env, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (d *daemon) address() string { return strings.TrimPrefix(d.url, "http://") }

// shell is a terminal at the top of the repository, as far as its pages need that.
type shell struct {
	t   *testing.T
	dir string
	env []string
	set string // what it has set before
}

func newShell(t *testing.T, d *daemon) *shell {
	t.Helper()
	dir := t.TempDir()
	examples, err := filepath.Abs("../examples")
	if err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"bin": filepath.Dir(binary), "examples": examples} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return &shell{t: t, dir: dir, env: append(here(t, exec.Command(binary)).Env, "MLQ_URL="+d.url)}
}

var setsVariable = regexp.MustCompile(`^([a-z]+)=`)

// run types a command and returns what it prints; variables that it sets stay.
func (s *shell) run(command string) string {
	s.t.Helper()
	name := setsVariable.FindStringSubmatch(command)
	if name != nil {
		command += "\nprintf %s \"$" + name[1] + "\""
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-ec", s.set+command)
	cmd.Dir, cmd.Env, cmd.WaitDelay = s.dir, s.env, time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("$ %s\n%s%v", command, out, err)
	}
	if name != nil {
		s.set += name[1] + "=" + string(out) + "\n"
	}
	return string(out)
}

// interrupt types a command that stays, as a comment behind it says, and Ctrl-C when it has printed a line.
func (s *shell) interrupt(command string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-ec", "exec "+command)
	cmd.Dir, cmd.Env, cmd.WaitDelay = s.dir, s.env, time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.t.Errorf("$ %s\n%s%v", command, line, err)
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		s.t.Error(err)
	}
	if err := cmd.Wait(); ctx.Err() != nil {
		s.t.Fatalf("$ %s\n%sit did not end at Ctrl-C: %v", command, line, err)
	}
}
