package removetree

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

func do(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// deepTree makes folders in each other, with a file at each level.
func deepTree(t *testing.T, dir string, depth int) {
	t.Helper()
	at, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	do(t, err)
	for range depth {
		do(t, unix.Mkdirat(at, "d", 0o700))
		file, err := unix.Openat(at, ".removed-1", unix.O_CREAT, 0o600) // a name that we use too
		do(t, err, unix.Close(file))
		below, err := unix.Openat(at, "d", unix.O_RDONLY|unix.O_DIRECTORY, 0)
		do(t, err, unix.Close(at))
		at = below
	}
	do(t, unix.Close(at))
}

func TestDeepTreeNeedsFewFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "job")
	do(t, os.Mkdir(dir, 0o700))
	deepTree(t, dir, 3000)
	var limit, low unix.Rlimit
	do(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	low = limit
	low.Cur = 500
	do(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &low))
	err := All(dir)
	do(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	if err != nil || there(dir) {
		t.Errorf("%.200v; there %v", err, there(dir))
	}
}

func TestWhatAJobMayLeave(t *testing.T) {
	root := t.TempDir()
	dir, outside := filepath.Join(root, "job"), filepath.Join(root, "outside")
	at := func(name string) string { return filepath.Join(dir, name) }
	do(t, os.MkdirAll(at("closed/in"), 0o700), os.MkdirAll(at("many"), 0o700), os.Mkdir(outside, 0o700),
		os.WriteFile(filepath.Join(outside, "keep"), nil, 0o600), os.Symlink(outside, at("link")), os.Symlink("nowhere", at("dangling")),
		os.Link(filepath.Join(outside, "keep"), at("hard")), unix.Mkfifo(at("fifo"), 0o600), os.WriteFile(at("bad\nname\xff"), nil, 0),
		os.WriteFile(at("closed/in/file"), nil, 0), os.Chmod(at("closed/in"), 0), os.Chmod(at("closed"), 0o500), os.Chmod(dir, 0o500))
	for i := range 3 * batch {
		do(t, os.WriteFile(at("many/"+strconv.Itoa(i)), nil, 0o600))
	}
	if err := All(dir); err != nil || there(dir) || !there(filepath.Join(outside, "keep")) {
		t.Errorf("%v; there %v, what is outside %v", err, there(dir), there(filepath.Join(outside, "keep")))
	}
	if err := All(dir); err != nil {
		t.Errorf("a second time: %v", err)
	}
	link := filepath.Join(root, "a link alone")
	do(t, os.Symlink(outside, link))
	if err := All(link); err != nil || there(link) || !there(outside) {
		t.Errorf("a link: %v", err)
	}
}

// What was a folder when it was looked at can be a link when it is to be opened.
func TestAdmitFollowsNoLink(t *testing.T) {
	root := t.TempDir()
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY, 0)
	do(t, err)
	defer unix.Close(dir)
	outside := filepath.Join(t.TempDir(), "outside")
	do(t, os.Mkdir(outside, 0o500), os.Symlink(outside, filepath.Join(root, "link")), os.Mkdir(filepath.Join(root, "closed"), 0))
	if err := admit(dir, "link"); err == nil {
		t.Error("a link was let through")
	}
	do(t, admit(dir, "closed"))
	for path, want := range map[string]os.FileMode{outside: 0o500, filepath.Join(root, "closed"): 0o700} {
		info, err := os.Stat(path)
		do(t, err)
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
	}
}
