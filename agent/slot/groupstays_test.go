package slot

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/agent/isolation"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// A group in which nothing lives, but that cannot be removed, keeps no slot from
// starting and no job from running: the log tells of it.
func TestEmptyGroupThatStays(t *testing.T) {
	spec, g := groupThatStays(t)
	var out bytes.Buffer
	log := zerolog.New(&out)
	s := &slot{boot: "now", log: log}
	r := &record{Boot: "now", Group: g.Dir(), Grant: Grant{Isolation: spec}}
	if err := s.clearLeftGroup(t.Context(), r); err != nil {
		t.Errorf("a slot that starts: %v", err)
	}
	st := &stable{options: &Options{Log: log}}
	if err := st.emptyPen(t.Context(), g); err != nil {
		t.Errorf("a job that takes a spare: %v", err)
	}
	if n := strings.Count(out.String(), `"warn"`); n != 2 || !strings.Contains(out.String(), "device or resource busy") {
		t.Errorf("%d warnings: %s", n, out.String())
	}
	if _, err := os.Stat(g.Dir()); err != nil {
		t.Fatalf("it was removed: the test shows nothing: %v", err)
	}
}

// groupThatStays is an empty group of an attempt that the kernel lets nobody remove:
// something is mounted on a group in it.
func groupThatStays(t *testing.T) (*isolation.Spec, *isolation.Group) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can limit devices")
	}
	p, err := isolation.Reach(context.Background(), isolation.Wish{Level: isolation.Cgroup, Owner: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Release)
	process := exec.Command("sleep", "600")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	spec, k := p.Spec(1, 1), isolation.Keeper{}
	g, err := k.Hold(t.Context(), *spec, process.Process.Pid, nil)
	if err := process.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = process.Wait() // it was killed
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeGroup(g, zerolog.New(zerolog.NewTestWriter(t))) })
	busy := filepath.Join(g.Dir(), "busy")
	if err := os.Mkdir(busy, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", busy, "tmpfs", 0, ""); err != nil {
		t.Skipf("nothing can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(busy, 0); err != nil {
			t.Error(err)
		}
	})
	return spec, g
}
