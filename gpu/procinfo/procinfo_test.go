package procinfo

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// sleeper starts a process under a name of its own.
func sleeper(t *testing.T, name string, as *syscall.Credential) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	cmd.Args[0] = name
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

func TestFillTellsWhoseAProcessIs(t *testing.T) {
	before := time.Now()
	cmd := sleeper(t, "/opt/lab/train \x1b[31m", nil)
	p := gpu.Process{PID: cmd.Process.Pid, Memory: 42}
	fill(&p, "/proc", true)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if p.UID != os.Getuid() || p.User != me.Username || p.Started == 0 || p.Memory != 42 {
		t.Errorf("filled in: %+v", p)
	}
	if p.Name != "train ?[31m" {
		t.Errorf("its name is %q", p.Name)
	}
	if d := p.Since.Sub(before).Abs(); d > 5*time.Second {
		t.Errorf("started %v away from when it was", d)
	}
}

func TestFillTellsARealUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("only root can start a process of somebody else's: not tried")
		return
	}
	cmd := sleeper(t, "train", &syscall.Credential{Uid: 65534, Gid: 65534})
	p := gpu.Process{PID: cmd.Process.Pid}
	fill(&p, "/proc", true)
	if p.UID != 65534 {
		t.Errorf("filled in: %+v", p)
	}
}

func TestFillOfOneThatIsGone(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	p := gpu.Process{PID: cmd.Process.Pid, UID: 7, Name: "old", Started: 9}
	fill(&p, "/proc", true)
	if p.UID != -1 || p.User != "" || p.Name != "" || p.Started != 0 || !p.Since.IsZero() {
		t.Errorf("filled in: %+v", p)
	}
}

// A number of another namespace may be anybody's here.
func TestFillBelievesNoForeignNumber(t *testing.T) {
	p := gpu.Process{PID: os.Getpid()}
	fill(&p, "/proc", false)
	if p.UID != -1 || p.Started != 0 || p.Name != "" {
		t.Errorf("filled in: %+v", p)
	}
}

// fakeProc is a /proc with one process, as a test cannot make one.
func fakeProc(t *testing.T, files map[string]string) string {
	t.Helper()
	proc := t.TempDir()
	if err := os.Mkdir(filepath.Join(proc, "42"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(proc, "42", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return proc
}

// rest are the fields of stat behind the name, with the start as the 22nd.
func rest(started int) string {
	return " S 1 42 42" + strings.Repeat(" 0", 15) + fmt.Sprintf(" %d 0 0\n", started)
}

func TestFillReadsOddNames(t *testing.T) {
	proc := fakeProc(t, map[string]string{
		"stat": "42 (a) R (b\xff)" + rest(4711), "status": "Name:\tx\nUid:\t1000\t0\t0\t0\n", "cmdline": "",
	})
	p := gpu.Process{PID: 42}
	fill(&p, proc, true)
	if p.UID != 1000 || p.Started != 4711 || p.Name != "a) R (b?" {
		t.Errorf("filled in: %+v", p)
	}
}

// What turns the direction of a line would have a reason read otherwise than it
// is; a name of megabytes is cut.
func TestFillShowsNamesThatHarmNobody(t *testing.T) {
	for line, want := range map[string]string{
		"/bin/a\u202eb\u2066c\u200bd": "a?b?c?d", "Größe_模型": "Größe_模型",
		strings.Repeat("x", 3<<20) + "\x00": strings.Repeat("x", longest),
	} {
		proc := fakeProc(t, map[string]string{"stat": "42 (x)" + rest(4711), "status": "Uid:\t0\n", "cmdline": line})
		if got := program(proc + "/42"); got != want {
			t.Errorf("the name is %q, not %q", got, want)
		}
	}
}

// An account comes from a directory that others fill.
func TestAnAccountOfOddName(t *testing.T) {
	a := accounts{byUID: map[int]*lookup{}, find: func(string) (*user.User, error) {
		return &user.User{Username: "ana\x1b[2J\u202e" + strings.Repeat("a", 500)}, nil
	}}
	<-a.lookup(1000).done
	if name := a.name(1000); !strings.HasPrefix(name, "ana?[2J?a") || len(name) != longest {
		t.Errorf("the name is %q", name)
	}
}

func TestFillOfADamagedEntry(t *testing.T) {
	for _, text := range []string{"", "42 sleep S", "42 (sleep) S 1", "42 (sleep)" + strings.Repeat(" x", 30)} {
		p := gpu.Process{PID: 42}
		fill(&p, fakeProc(t, map[string]string{"stat": text, "status": "Uid:\t0\n"}), true)
		if p.UID != -1 || p.Started != 0 {
			t.Errorf("%q: filled in %+v", text, p)
		}
	}
}

// A directory of users that hangs does not make a look at a GPU hang, and is
// asked once only.
func TestAHangingNameServiceIsNotWaitedFor(t *testing.T) {
	answer, asked := make(chan struct{}), make(chan string, 10)
	a := accounts{byUID: map[int]*lookup{}, find: func(uid string) (*user.User, error) {
		asked <- uid
		<-answer
		return &user.User{Username: "ana"}, nil
	}}
	start := time.Now()
	if name := a.name(1000) + a.name(1000); name != "" {
		t.Errorf("the name was %q before anybody answered", name)
	}
	if d := time.Since(start); d > 20*patience {
		t.Errorf("waited %v", d)
	}
	close(answer)
	<-a.lookup(1000).done
	if name := a.name(1000); name != "ana" || len(asked) != 1 {
		t.Errorf("the name is %q after %d questions", name, len(asked))
	}
}

func TestHostPIDs(t *testing.T) {
	if os.Getenv("PROCINFO_PID_NAMESPACE") != "" {
		if HostPIDs() {
			t.Error("in a namespace of its own it is said to be the host's")
		}
		return
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	if HostPIDs() != (namespace == initialPIDs) {
		t.Errorf("HostPIDs is %v in %s", HostPIDs(), namespace)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestHostPIDs$", "-test.v")
	cmd.Env = append(os.Environ(), "PROCINFO_PID_NAMESPACE=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Log("only root can make a namespace: not tried")
		return
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestHostPIDs") {
		t.Errorf("in a namespace of its own: %v\n%s", err, out)
	}
}
