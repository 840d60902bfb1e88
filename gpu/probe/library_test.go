package probe

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
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
