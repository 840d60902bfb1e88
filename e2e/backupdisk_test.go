package e2e

import (
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestBackupOnAFullDisk: a backup onto a disk that has no room, at once or after its first files, is none,
// and the one before stays whole. A restore onto one is refused, what it began is no place for
// a server, and the same restore succeeds once there is room.
func TestBackupOnAFullDisk(t *testing.T) {
	t.Parallel()
	l := &lab{t: t, dir: t.TempDir(), redis: "memory:"}
	l.servers = []*daemon{l.start("serve", "--data", filepath.Join(l.dir, "server"))}
	l.admin = strings.TrimSpace(l.read("server/admin.token"))
	write(t, filepath.Join(l.dir, "f.py"), "def f():\n    return 1\n")
	l.mlq("submit", "f.py:f")
	l.upload(http.StatusCreated)
	disk := newDisk(t, filepath.Join(l.dir, "disk"), 200<<20)
	to := filepath.Join(disk.path, "backup")
	refused := func(words string, args ...string) {
		t.Helper()
		if _, err := l.try(args...); err == nil || !strings.Contains(err.Error(), "exit status 1") || !regexp.MustCompile(words).MatchString(err.Error()) {
			t.Errorf("%q: %v, want %q", args, err, words)
		}
	}
	backup := []string{"backup", to, "--data", filepath.Join(l.dir, "server")}
	restore := func(place string) []string {
		return []string{"restore", to, "--data", filepath.Join(disk.path, place), "--store", "local:" + filepath.Join(disk.path, place, "store")}
	}
	for _, room := range []int64{0, 4 << 10, 8 << 10} {
		disk.leave(room)
		refused("no space left on device", backup...)
		refused("no finished backup", restore("none")...)
	}
	disk.well()
	l.mlq(backup...)

	whole := disk.has()
	l.mlq("submit", "f.py:f")
	for _, room := range []int64{0, 8 << 10} {
		disk.leave(room)
		refused("no space left on device", backup...)
	}
	for path, sum := range disk.has() {
		if was, there := whole[path]; there && was != sum {
			t.Errorf("the refused backup has changed %s", path)
		}
	}
	disk.well()
	if out := l.mlq(restore("first")...); !strings.Contains(out, "restored 1 jobs") {
		t.Error(out)
	}
	l.mlq(backup...)
	whole = disk.has()
	disk.full()
	for path := range disk.has() {
		delete(whole, path)
	}
	if len(whole) > 0 {
		t.Errorf("gone from the whole backup: %v", whole)
	}

	begun, out := 0, ""
	for room := int64(0); room < 1<<20; room += 4 << 10 {
		disk.leave(room)
		var err error
		if out, err = l.try(restore("second")...); err == nil {
			break // by now there is room for all of it
		}
		if !regexp.MustCompile("exit status 1: .*(no space left on device|store full: 0 MiB left)").MatchString(err.Error()) {
			t.Errorf("with %d bytes: %v", room, err)
		}
		_, err = startDaemon(l.dir, l.env(), "serve", "--data", filepath.Join(disk.path, "second"), "--listen", "127.0.0.1:0")
		switch {
		case err == nil:
			t.Errorf("with %d bytes a server started where a restore was refused", room)
		case strings.Contains(err.Error(), "mlq restore did not finish"):
			begun++
		}
	}
	if begun == 0 {
		t.Error("no restore was cut off in the middle")
	}
	if !strings.Contains(out, "restored 2 jobs") {
		t.Errorf("in the end: %q", out)
	}
	disk.well()
	d := l.begin("serve", "--data", filepath.Join(disk.path, "second"), "--listen", "127.0.0.1:0")
	l.servers[0] = d
	l.eventually(`^2 `, "jobs")
}
