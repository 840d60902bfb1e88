package e2e

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestDiskFull: on a disk that has little left nothing new is taken, results of
// jobs that run are; one that has no room at all waits at its agent until there is.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	l := &lab{t: t, dir: t.TempDir(), redis: "memory:"}
	blobs := smallDisk(t, l.dir)
	d := l.start("serve", "--with-agent", "--gpus", "cpu:2", "--python", python, "--data", filepath.Join(l.dir, "server0"), "--blobs", blobs)
	l.servers, l.admin = []*daemon{d}, strings.TrimSpace(l.read("server0/admin.token"))
	t.Cleanup(func() {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	})
	l.eventually(`ok +2/2`, "hosts")
	write(t, filepath.Join(l.dir, "made.py"), madePy)
	for id, bytes := range []int{512 << 10, 8 << 20} {
		l.mlq("submit", "made.py:made", fmt.Sprintf(`{"bytes": %d, "gate": %q}`, bytes, filepath.Join(l.dir, fmt.Sprint("gate", id+1))))
		l.eventually(fmt.Sprintf(`^%d +running`, id+1), "jobs")
	}
	filler := filepath.Join(blobs, "filler")
	fillTo(t, blobs, filler, 2)
	refused := func() error {
		_, err := l.try("submit", "made.py:made", small)
		if err == nil || !strings.Contains(err.Error(), "new jobs and uploads wait until an admin makes room") {
			return fmt.Errorf("a submit on a full disk: %v", err)
		}
		return nil
	}
	if err := eventually(5*time.Second, refused); err != nil { // the look at the disk is a second old at most
		t.Error(err)
	}

	write(t, filepath.Join(l.dir, "gate1"), "")
	l.result(1, 512<<10)

	write(t, filepath.Join(l.dir, "gate2"), "")
	said := func() error {
		if !strings.Contains(d.log.String(), "no space left on device") {
			return errors.New("the agent does not say that its upload waits")
		}
		return nil
	}
	if err := eventually(60*time.Second, said); err != nil {
		t.Fatal(err)
	}
	l.eventually(`^2 +running`, "jobs")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	l.result(2, 8<<20)
	taken := func() error { _, err := l.try("submit", "made.py:made", small); return err }
	if err := eventually(5*time.Second, taken); err != nil {
		t.Error(err)
	}
}

// small is a job that ends at once.
const small = `{"bytes": 1, "gate": "/"}`

const madePy = `import os, random, time

def made(msg):
    while not os.path.exists(msg["gate"]):
        time.sleep(0.05)
    return random.Random(7).randbytes(msg["bytes"])
`

// smallDisk is a folder on a disk of 64 MiB of its own.
func smallDisk(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "disk")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	err := unix.Mount("tmpfs", path, "tmpfs", 0, "size=64m")
	if errors.Is(err, unix.EPERM) {
		t.Skip("this needs the right to mount a tmpfs")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return path
}

// fillTo writes a file until so many percent of the disk are free.
func fillTo(t *testing.T, disk, file string, percent int64) {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(disk, &st); err != nil {
		t.Fatal(err)
	}
	n := (int64(st.Bavail) - int64(st.Blocks)*percent/100) * st.Bsize
	if err := os.WriteFile(file, make([]byte, n), 0o600); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// result waits for what the job returned, and compares it with what Python makes anew.
func (l *lab) result(id, bytes int) {
	l.t.Helper()
	l.eventually(fmt.Sprintf(`^%d +succeeded`, id), "jobs", "--state", "succeeded")
	got := l.mlq("result", fmt.Sprint(id))
	want := l.command(python, "-c", fmt.Sprintf("import hashlib, random; print(hashlib.sha256(random.Random(7).randbytes(%d)).hexdigest())", bytes))
	if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(got))); len(got) != bytes || sum != strings.TrimSpace(want) {
		l.t.Errorf("job %d returned %d bytes with SHA-256 %s, want %d with %s", id, len(got), sum, bytes, want)
	}
}
