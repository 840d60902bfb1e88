package lockfile

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// As docs/gpus.md has it, `flock FILE CMD`, by a user who is not the agent's: they
// keep the agent out and are kept out by it, whoever made the file, with whatever umask.
func TestAnyUserTakesPart(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be two users")
	}
	for _, tool := range []string{"flock", "setpriv"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	dir := openFolder(t)
	for name, made := range map[string]func(path string){
		"made by us under a umask of 077": func(path string) {
			defer unix.Umask(unix.Umask(0o077))
			l := acquire(t, path)
			if err := asNobody("flock", "-n", path, "true").Run(); exitCode(err) != 1 {
				t.Errorf("while we hold it, flock -n of nobody ends with %v; want exit code 1", err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		},
		"made by them": func(path string) {},
	} {
		path := Path(dir, "GPU-"+strconv.Itoa(len(name)))
		made(path)
		theirs := asNobody("sh", "-c", `umask 077; exec flock "$0" cat`, path)
		in, err := theirs.StdinPipe()
		out, err2 := theirs.StdoutPipe()
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if err := theirs.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write([]byte("held\n")); err != nil {
			t.Fatal(err)
		}
		said := make([]byte, 5)
		if _, err := out.Read(said); err != nil || !bytes.Equal(said, []byte("held\n")) {
			t.Fatalf("%s: %q, %v", name, said, err)
		}
		if l, err := Acquire(path); err == nil {
			t.Errorf("%s: got a lock that nobody holds", name)
			_ = l.Close()
		} else if !strings.Contains(err.Error(), ErrLocked.Error()) {
			t.Errorf("%s: %v", name, err)
		}
		table, err := ReadTable()
		if err != nil {
			t.Fatal(err)
		}
		if pid, held, err := table.Holder(path); err != nil || !held || pid != theirs.Process.Pid {
			t.Errorf("%s: held by %d (%v, %v), want %d", name, pid, held, err, theirs.Process.Pid)
		}
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
		if err := theirs.Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		acquire(t, path)
	}
}

// openFolder is as /run/lock/mlq is, in a place that nobody can reach.
func openFolder(t *testing.T) string {
	t.Helper()
	top, err := os.MkdirTemp("/tmp", "mlq-lock")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(top) })
	if err := os.Chmod(top, 0o755); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(top, "mlq")
	if !usable(dir) {
		t.Fatal("the folder cannot be made")
	}
	return dir
}

func asNobody(args ...string) *exec.Cmd {
	return exec.Command("setpriv", append([]string{"--reuid=65534", "--regid=65534", "--clear-groups", "--"}, args...)...)
}

func exitCode(err error) int {
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	return -1
}
