package probe

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/gpu"
	"golang.org/x/sys/unix"
)

// TestOrphan: an agent that is killed leaves no child, not even one that hangs
// and does not read its input.
func TestOrphan(t *testing.T) {
	w := &world{t: t, dir: t.TempDir()}
	s := twoGPUs
	s.Deaf = true
	w.write(s)
	parent := exec.Command(os.Args[0], beParentFor, w.dir)
	in, err := parent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	pid := w.pids()[0]
	eventually(t, "the child is gone", func() bool { return !alive(pid) })
}

// TestOwnSession: Ctrl-C in the agent's terminal does not reach the child, and
// of the agent's environment it has what it needs.
func TestOwnSession(t *testing.T) {
	t.Setenv("MLQ_TOKEN", "secret")
	t.Setenv("CUDA_VISIBLE_DEVICES", "0")
	t.Setenv("LD_LIBRARY_PATH", "/opt/driver")
	w := newWorld(t, twoGPUs, Options{})
	w.devices()
	ours, err := unix.Getsid(0)
	if err != nil {
		t.Fatal(err)
	}
	if its, err := unix.Getsid(w.pids()[0]); err != nil || its == ours {
		t.Errorf("session %d, %v; ours is %d", its, err, ours)
	}
	got, err := os.ReadFile(filepath.Join(w.dir, "environ"))
	if err != nil || string(got) != "LANG=C.UTF-8 PATH="+os.Getenv("PATH")+" LD_LIBRARY_PATH=/opt/driver\n" {
		t.Errorf("the environment is %s, %v", got, err)
	}
}

// TestServe: it ends with its input, and refuses what is no question.
func TestServe(t *testing.T) {
	slots := gpu.CPUSlots(1, "seed", false)
	for in, want := range map[string]string{
		"":                                    "",
		"driver\n":                            "no question",
		strings.Repeat("x", 2*longestRequest): "token too long",
		"{}\n":                                "",
	} {
		if err := Serve(t.Context(), slots, strings.NewReader(in), io.Discard); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v; want %q", in, err, want)
		}
	}
	s := server{provider: slots}
	if m := s.ask(t.Context(), request{Call: "nonsense"}); !strings.Contains(m.Error, `"nonsense"`) {
		t.Errorf("%+v", m)
	}
	r, w := io.Pipe()
	r.Close()
	stays, stop := io.Pipe()
	defer stop.Close()
	if err := Serve(t.Context(), slots, stays, w); err == nil {
		t.Error("nobody reads, and it goes on")
	}
}
