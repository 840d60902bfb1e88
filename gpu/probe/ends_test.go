package probe

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mlq-dev/mlq/gpu"
)

// TestLibraryReplaced: in place, by another file of that name, and removed.
func TestLibraryReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "libfake.so.1")
	if err := os.WriteFile(filepath.Join(dir, "libfake.so.580.1"), make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("libfake.so.580.1", path); err != nil {
		t.Fatal(err)
	}
	s := twoGPUs
	s.Map = path
	w := newWorld(t, s, Options{Library: "libfake.so.1"})
	w.answers("GPU-1")
	look := func() {
		for range 200 {
			w.sample("GPU-1")
		}
	}
	if look(); len(w.pids()) != 1 {
		t.Fatal("a new child without a cause")
	}
	// The way of a package: the new file, the link, and the old one is removed.
	if err := os.WriteFile(filepath.Join(dir, "libfake.so.580.2"), make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("libfake.so.580.2", path+".new"); err != nil {
		t.Fatal(err)
	}
	s.Info.Driver, s.Info.Generation = "580.2", 8
	w.write(s)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a second child", func() bool { return len(w.pids()) == 2 })
	w.answers("GPU-1")
	if got := w.Info(); got.Generation != 8 || got.Driver != "580.2" {
		t.Errorf("after the upgrade: %+v", got)
	}
	if look(); len(w.pids()) != 2 {
		t.Fatal("a third child without a cause")
	}
	if err := os.Remove(filepath.Join(dir, "libfake.so.580.2")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a third child", func() bool { return len(w.pids()) > 2 })
	if said := w.log.text(); strings.Count(said, "library on the disk is another one") != 2 {
		t.Errorf("the log says\n%s", said)
	}
	if err := os.WriteFile(path, make([]byte, 4096), 0o600); err != nil { // through the link
		t.Fatal(err)
	}
	w.answers("GPU-1")
}

// TestDetach: the child is gone when it returns, all is down, and Attach brings it back.
func TestDetach(t *testing.T) {
	w := newWorld(t, twoGPUs, Options{})
	want := len(w.devices())
	if err := w.Detach(); err != nil {
		t.Fatal(err)
	}
	if alive(w.pids()[0]) {
		t.Error("the child lives")
	}
	if got := w.sample("GPU-1"); got.Fault != gpu.FaultDown || !strings.Contains(got.Err, "mlq gpu attach") {
		t.Errorf("detached: %+v", got)
	}
	if got := w.Info(); !got.Detached || got.Problem == "" || got.Driver != "580.95.05" {
		t.Errorf("detached: %+v", got)
	}
	if devices, err := w.Devices(t.Context()); err == nil || len(devices) != want {
		t.Errorf("detached: %v, %v", devices, err)
	}
	if err := w.Detach(); err != nil {
		t.Errorf("twice: %v", err)
	}
	if err := w.Attach(); err != nil {
		t.Fatal(err)
	}
	w.answers("GPU-1")
	if got := w.Info(); got.Detached || got.Problem != "" || got.Generation != 7 {
		t.Errorf("attached: %+v", got)
	}
	if got := len(w.pids()); got != 2 {
		t.Errorf("%d children", got)
	}
}

// TestDetachForAMoment: an Attach that comes before anybody has seen the Detach
// has another child started, and asked.
func TestDetachForAMoment(t *testing.T) {
	opened, resume := make(chan struct{}), make(chan struct{})
	log := &logged{on: func(line []byte) {
		select {
		case <-opened:
		default:
			if bytes.Contains(line, []byte("driver answers")) {
				close(opened)
				<-resume
			}
		}
	}}
	w := newLoggedWorld(t, twoGPUs, Options{}, log)
	<-opened // and who keeps the child is held
	done := make(chan error, 1)
	go func() { done <- w.Detach() }()
	eventually(t, "it is detached", func() bool { return w.Info().Detached })
	if err := w.Attach(); err != nil {
		t.Fatal(err)
	}
	close(resume)
	w.answers("GPU-1")
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestMapsHang: what the child has mapped cannot be read, as of one that hangs
// while it maps. It is kept, told and ended all the same. Here a pipe without a
// writer stands for the kernel.
func TestMapsHang(t *testing.T) {
	proc := t.TempDir()
	w := newWorld(t, twoGPUs, Options{Library: "libfake.so.1", proc: proc})
	w.answers("GPU-1")
	dir := filepath.Join(proc, strconv.Itoa(w.pids()[0]))
	maps := filepath.Join(dir, "maps")
	if err := os.Mkdir(dir+".new", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir+".new", "maps"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir+".new", dir); err != nil {
		t.Fatal(err)
	}
	for range 200 { // while which it looks
		w.sample("GPU-1")
	}
	s := twoGPUs
	s.Info.Driver = "590.1"
	w.write(s)
	eventually(t, "the news", func() bool {
		w.sample("GPU-2")
		return w.Info().Driver == "590.1"
	})
	if err := w.Detach(); err != nil {
		t.Error(err)
	}
	// Who looks waits for a writer still.
	fd, err := unix.Open(maps, unix.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal("nobody looked:", err)
	}
	if err := unix.Close(fd); err != nil {
		t.Error(err)
	}
}

// TestDeaf: a child that does not end at the end of its input is killed.
func TestDeaf(t *testing.T) {
	times := quick()
	times.Quiet = 50 * time.Millisecond
	s := twoGPUs
	s.Deaf = true
	w := newWorld(t, s, Options{Times: times})
	w.devices()
	if err := w.Detach(); err != nil || alive(w.pids()[0]) {
		t.Errorf("%v; it lives: %v", err, alive(w.pids()[0]))
	}
}

// TestClose: nothing is left, whatever goes on; and nothing hangs on it.
func TestClose(t *testing.T) {
	s := twoGPUs
	s.Hang = []string{"open"}
	w := newWorld(t, s, Options{})
	events := w.Watch(t.Context())
	answer := make(chan error, 1)
	go func() {
		_, err := w.Devices(context.Background())
		answer <- err
	}()
	eventually(t, "a child", func() bool { return len(w.pids()) == 1 })
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-answer:
		if err == nil {
			t.Error("devices of a closed probe")
		}
	case <-time.After(patience):
		t.Error("Devices hangs")
	}
	if _, open := <-events; open {
		t.Error("an event of a closed probe")
	}
	if _, open := <-w.Watch(t.Context()); open {
		t.Error("an event for who watches a closed probe")
	}
}

// TestStuck: while a killed child does not go, because it hangs inside the
// kernel, no other is started beside it, and Close does not wait for ever. Here a
// kill that does nothing stands for the kernel.
func TestStuck(t *testing.T) {
	times := quick()
	times.Quiet, times.Kill = 50*time.Millisecond, 50*time.Millisecond
	var lets atomic.Bool
	w := newWorld(t, twoGPUs, Options{Times: times, kill: func(p *os.Process) error {
		if lets.Load() {
			return p.Kill()
		}
		return nil
	}})
	w.devices()
	pid := w.pids()[0]
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the words", func() bool {
		w.sample("GPU-1")
		return strings.Contains(w.Info().Problem, "cannot be ended; if it stays so, restart the machine")
	})
	if got := w.sample("GPU-1"); got.Fault != gpu.FaultDown {
		t.Errorf("%+v", got)
	}
	if err := w.Detach(); err == nil || !strings.Contains(err.Error(), "hangs inside the driver") {
		t.Errorf("detach: %v", err)
	}
	if err := w.Attach(); err != nil {
		t.Fatal(err)
	}
	if len(w.pids()) != 1 {
		t.Errorf("%d children", len(w.pids()))
	}
	lets.Store(true)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil { // the kernel lets it go
		t.Fatal(err)
	}
	w.answers("GPU-1")
}

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

func TestNextPause(t *testing.T) {
	times := DefaultTimes()
	var got []time.Duration
	pause := time.Duration(0)
	for range 7 {
		pause = nextPause(pause, false, times)
		got = append(got, pause/time.Second)
	}
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		if got[i] != want {
			t.Fatalf("pauses of %d s", got)
		}
	}
	if pause = nextPause(pause, true, times); pause != time.Second {
		t.Errorf("after a steady one %v", pause)
	}
}
