package isolation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/mlq-dev/mlq/gpu"
)

// waiting starts a process that waits until its group, or the test, ends it.
func waiting(t testing.TB) (*exec.Cmd, io.WriteCloser) {
	t.Helper()
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	return cmd, in
}

// everyProperty is what every scope has.
func everyProperty(s *Spec, pid int) map[string]string {
	return map[string]string{
		"Description": "s Job of MLQ, " + s.Name, "Slice": "s mlq.slice", "PIDs": "au [" + strconv.Itoa(pid) + "]",
		"CollectMode": "s inactive-or-failed", "KillMode": "s control-group", "SendSIGKILL": "b true",
		"TimeoutStopUSec": "t 15000000", "TasksMax": "t 18446744073709551615",
	}
}

// What systemd is asked for, to the letter. It has not run on a host with systemd.
func TestScopesProperties(t *testing.T) {
	init := startInit(t)
	card := []Card{{Kind: gpu.KindGPU, Minor: 3}}
	limited := Limits{Memory: 64 << 30, Processes: 4096}
	for name, c := range map[string]struct {
		version string
		spec    Spec
		cards   []Card
		more    map[string]string
	}{
		"nothing limited": {"257.1-1", Spec{}, card, map[string]string{"OOMPolicy": "s kill"}},
		"an old systemd":  {"252.38-1~deb12u1", Spec{}, card, nil},
		"built by hand":   {"v258", Spec{}, card, map[string]string{"OOMPolicy": "s kill"}},
		"limits": {"252.38-1~deb12u1", Spec{Limits: limited}, card, map[string]string{
			"MemoryMax": "t 68719476736", "MemorySwapMax": "t 0", "TasksMax": "t 4096",
		}},
		"devices": {"252.38-1~deb12u1", Spec{Devices: true}, card, map[string]string{
			"DevicePolicy": "s closed", "DeviceAllow": "a(ss) [[/dev/char/195:3 rw] [/dev/char/195:255 rw] [/dev/char/195:254 rw]]",
		}},
		"no device": {"252.38-1~deb12u1", Spec{Devices: true}, nil, map[string]string{
			"DevicePolicy": "s closed", "DeviceAllow": "a(ss) []",
		}},
	} {
		init.mu.Lock()
		init.version = c.version
		init.mu.Unlock()
		var k Keeper
		process, _ := waiting(t)
		s := c.spec
		s.Level, s.Name = Systemd, namePrefix+"7-1-"+strconv.Itoa(process.Process.Pid)
		g, err := k.Hold(t.Context(), s, process.Process.Pid, c.cards)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := everyProperty(&s, process.Process.Pid)
		maps.Copy(want, c.more)
		asked := init.last()
		if asked.name != s.Name+".scope" || asked.mode != "fail" || !maps.Equal(asked.properties, want) {
			t.Errorf("%s: %s, %s\n got %v\nwant %v", name, asked.name, asked.mode, asked.properties, want)
		}
		if !strings.HasSuffix(g.Dir(), "/mlq.slice/"+s.Name+".scope") {
			t.Errorf("%s: its group is %s", name, g.Dir())
		}
		if err := g.Clear(t.Context(), func() {}); err != nil {
			t.Error(err)
		}
		k.Close()
	}
}

// The whole of a scope's life, with a process that leaves another behind.
func TestScopeHoldsAndEnds(t *testing.T) {
	startInit(t)
	p, err := Reach(t.Context(), Wish{Level: Auto, Owner: "a", Limits: Limits{Memory: 1 << 30}})
	if err != nil || p.Level != Systemd || p.Words() != "systemd scope, own devices only, memory 1GiB" {
		t.Fatalf("%+v, %v", p, err)
	}
	cmd := exec.Command("sh", "-c", "read x; sleep 600 & echo $!")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var k Keeper
	defer k.Close()
	s := p.Spec(41, 1)
	g, err := k.Hold(t.Context(), *s, cmd.Process.Pid, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "\n"); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 20)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	left, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Adopt(s, g.Dir()) // as a slot that was restarted does
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Clear(t.Context(), func() {}); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(left, 0); err == nil && lives(t, left) {
		t.Errorf("%d is still alive", left)
	}
	if err := again.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(g.Dir()); err != nil {
		t.Errorf("what is systemd's to remove: %v", err)
	}
	_ = cmd.Wait() // it was killed, or had ended
}

// lives: it may be dead, and wait for its burial.
func lives(t *testing.T, pid int) bool {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}

// A scope that is refused, fails or holds nothing is no isolation, and a
// broken line to systemd is made anew.
func TestScopesThatFail(t *testing.T) {
	init := startInit(t)
	var k Keeper
	defer k.Close()
	hold := func() error {
		process, _ := waiting(t)
		g, err := k.Hold(t.Context(), Spec{Level: Systemd, Name: namePrefix + strconv.Itoa(process.Process.Pid)}, process.Process.Pid, nil)
		if err == nil {
			err = g.Clear(t.Context(), func() {})
		}
		return err
	}
	for want, change := range map[string]func(){
		"Access denied":       func() { init.refuse = dbus.NewError("org.freedesktop.DBus.Error.AccessDenied", []any{"Access denied"}) },
		"systemd says failed": func() { init.result = "failed" },
		"is not the group":    func() { init.leaves = true },
	} {
		init.mu.Lock()
		change()
		init.mu.Unlock()
		if err := hold(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want …%s…", err, want)
		}
		if _, err := Reach(t.Context(), Wish{Level: Systemd}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the agent's trial: %v, want …%s…", err, want)
		}
		init.mu.Lock()
		init.refuse, init.result, init.leaves = nil, "", false
		init.mu.Unlock()
	}
	if err := hold(); err != nil {
		t.Error(err)
	}
	k.mu.Lock()
	k.systemd.conn.Close()
	k.mu.Unlock()
	if err := hold(); err != nil {
		t.Errorf("after the line broke: %v", err)
	}
}

// A systemd that does not answer keeps nobody waiting for ever.
func TestSystemdThatHangs(t *testing.T) {
	init := startInit(t)
	hangs := make(chan struct{})
	defer close(hangs)
	init.mu.Lock() // its goroutines are at work
	init.hangs = hangs
	init.mu.Unlock()
	m, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer m.conn.Close()
	process, _ := waiting(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = m.makeScope(ctx, Spec{Level: Systemd, Name: "mlq-job-1-1"}, process.Process.Pid, nil)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
