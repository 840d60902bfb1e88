package slot_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// A grant that cannot be carried out is refused in words, frees the device, and
// leaves the slot as it was.
func TestGrantsThatCannotBe(t *testing.T) {
	b := newBench(t)
	for name, c := range map[string]struct {
		change func(*slot.Grant)
		want   string
	}{
		"zero in a variable's name":  {func(g *slot.Grant) { g.Vars = map[string]string{"A\x00B": "1"} }, "interpreter could not take the job"},
		"zero in a variable's value": {func(g *slot.Grant) { g.Vars = map[string]string{"A": "1\x002"} }, "interpreter could not take the job"},
		"variable with an =":         {func(g *slot.Grant) { g.Vars = map[string]string{"A=B": "1"} }, "interpreter could not take the job"},
		"no interpreter":             {func(g *slot.Grant) { g.Python = "" }, "names no interpreter"},
		"no working directory":       {func(g *slot.Grant) { g.WorkDir = "/no/such/folder" }, "/no/such/folder"},
		"a file for a directory":     {func(g *slot.Grant) { g.WorkDir = "/etc/passwd" }, "/etc/passwd"},
		"a device without its lock": {func(g *slot.Grant) {
			g.Devices = append(g.Devices, slot.Device{UUID: "GPU-unknown", Kind: gpu.KindGPU})
		}, "1 locks for 2 devices"},
		"no device": {func(g *slot.Grant) { g.Devices = nil }, "1 locks for 0 devices"},
	} {
		g, lock := b.lease(c.change)
		b.send(g, lock)
		if e := b.await(slot.EventError); e.Ref() != g.Ref() || !strings.Contains(e.Detail, c.want) {
			t.Errorf("%s: refused with %q, want …%s…", name, e.Detail, c.want)
		}
		if !b.free() {
			t.Errorf("%s: the device is still locked", name)
		}
	}
	expect(t, b.run(source(t, "def f(msg): return 1", 1)), scheduler.OutcomeSucceeded, "", "")
}

// What a job may build in its folder: of out/ plain files are taken, as many as
// allowed, and what is left out is said; tmp/ goes, however it looks.
func TestTreesOfAJob(t *testing.T) {
	b := newBench(t)
	var dir string
	ended := b.run(source(t, `
import os
def deep(path, levels):
    at = os.open(path, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
def f(msg):
    deep("tmp", 3000)
    os.mkdir("out/many")
    for i in range(21_000): os.close(os.open(f"out/many/{i}", os.O_CREAT))
`, 1), func(g *slot.Grant) { dir = g.JobDir })
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	if len(ended.Files) > 1000 {
		t.Errorf("%d files are taken", len(ended.Files))
	}
	if !strings.Contains(ended.Left, "entries beyond the first 20000") {
		t.Errorf("%q does not tell of what was not looked at", ended.Left)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "tmp")); err == nil && len(left) > 0 {
		t.Errorf("tmp/ still has %v", left)
	}
}

func TestDeepAndStrangeOut(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, `
import os
def f(msg):
    path = "out"
    for _ in range(40):
        path += "/d"
        os.mkdir(path)
        open(path + "/file", "w").close()
    open("out/setuid", "w").close(); os.chmod("out/setuid", 0o6755)
    if os.geteuid() == 0: os.mknod("out/null", 0o20666, os.makedev(1, 3))
`, 1))
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	if len(ended.Files) != 33 || !strings.Contains(ended.Left, "1 folders that lie too deep") {
		t.Errorf("%d files, %q", len(ended.Files), ended.Left)
	}
	if os.Geteuid() == 0 && !strings.Contains(ended.Left, "1 devices") {
		t.Errorf("%q does not tell of the device", ended.Left)
	}
}
