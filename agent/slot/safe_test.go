package slot

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// needRoot: only root owns files as root.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root owns files as root")
	}
}

// do ends the test at the first error.
func do(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

const other = 65534 // a user that is not root

// Below root's sticky folder nobody else can exchange what is root's; below any
// other folder that all may write they can.
func TestStickyParents(t *testing.T) {
	needRoot(t)
	shared := filepath.Join(t.TempDir(), "shared")
	own := filepath.Join(shared, "own")
	do(t, os.MkdirAll(own, 0o755))
	for mode, safe := range map[fs.FileMode]bool{0o777 | fs.ModeSticky: true, 0o777: false, 0o755: true} {
		do(t, os.Chmod(shared, mode))
		if err := new(inspection).tree(own); (err == nil) != safe {
			t.Errorf("below a folder of mode %v: %v", mode, err)
		}
	}
	do(t, os.Chmod(shared, 0o777|fs.ModeSticky))
	if err := new(inspection).tree(shared); err == nil {
		t.Error("a sticky folder is searched, though others can add to it")
	}
	do(t, os.Chown(shared, other, 0))
	if err := new(inspection).tree(own); err == nil {
		t.Error("the sticky folder is another user's, who may rename what is in it")
	}
}

// What others may do in a sticky folder is to create: files, folders and links of
// their own, and what is not there yet.
func TestWhatOthersMakeInStickyFolders(t *testing.T) {
	needRoot(t)
	home := t.TempDir()
	sticky := filepath.Join(home, "sticky")
	at := func(name string) string { return filepath.Join(sticky, name) }
	do(t, os.Mkdir(sticky, 0), os.Chmod(sticky, 0o777|fs.ModeSticky),
		os.Mkdir(at("own"), 0o755), os.Mkdir(at("evil"), 0o755), os.Mkdir(at("own/below"), 0o755),
		os.Symlink("own", at("link")), os.Symlink(at("own"), at("evil-link")), os.Symlink("gone", at("dangling")),
		os.Symlink("loop", at("loop")),
		os.Chown(at("evil"), other, other), os.Lchown(at("evil-link"), other, other))
	for path, safe := range map[string]bool{
		"own": true, "own/below": true, "link": true, "link/below": true, "own/below/..": true,
		"evil": false, "evil/..": false, "evil/../own": false, "evil-link": false, "evil-link/below": false,
		"gone": false, "dangling": false, "gone/..": false, "loop": false,
	} {
		// No Join: it would resolve ".." by name.
		if _, err := new(inspection).follow(sticky + "/" + path); (err == nil) != safe {
			// A folder that is the end of a path is looked at by tree.
			if treeErr := new(inspection).tree(sticky + "/" + path); (treeErr == nil) != safe {
				t.Errorf("%s: %v, as a tree %v; safe should be %v", path, err, treeErr, safe)
			}
		}
	}
}

// A link to what is not there is harmless, but not where others can make it.
func TestLinksToNothing(t *testing.T) {
	needRoot(t)
	root := t.TempDir()
	searched, sticky := filepath.Join(root, "searched"), filepath.Join(root, "sticky")
	do(t, os.Mkdir(searched, 0o755), os.Mkdir(sticky, 0), os.Chmod(sticky, 0o777|fs.ModeSticky))
	link := filepath.Join(searched, "module.py")
	for target, safe := range map[string]bool{filepath.Join(root, "gone"): true, filepath.Join(sticky, "gone"): false} {
		do(t, os.Symlink(target, link))
		if err := new(inspection).tree(searched); (err == nil) != safe {
			t.Errorf("a link to %s: %v", target, err)
		}
		do(t, os.Remove(link))
	}
}

// environment is a virtual environment of root's that is safe, with the
// interpreter that it was made with.
func environment(t *testing.T) (root, python string) {
	t.Helper()
	root = t.TempDir()
	python = filepath.Join(root, "venv", "bin", "python")
	for _, dir := range []string{
		"base/bin", "base/lib/python3.11", "base/local/lib/python3.11/dist-packages",
		"venv/bin", "venv/lib/python3.11/site-packages/importlib_x", "extra", "runner", "importlib_extra", "linked/sub",
	} {
		do(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for name, text := range map[string]string{
		"base/bin/python3.11": "", "base/lib/libpython3.11.so": "", "base/lib/libssl.so.3": "", "base/lib/python3.11/os.py": "", "linked/sub/module.py": "",
		"base/local/lib/python3.11/dist-packages/module.py": "",
		"venv/pyvenv.cfg": "home = " + root + "/base/bin\n",
		"venv/lib/python3.11/site-packages/x.pth": "# some\n" + root + "/extra\nimportlib_x/../../../../../importlib_extra\nimport os\n" +
			root + "/not-there\n",
	} {
		do(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o755))
	}
	site := filepath.Join(root, "venv/lib/python3.11/site-packages")
	do(t, os.Symlink(filepath.Join(root, "base/bin/python3.11"), python),
		os.Symlink(filepath.Join(root, "linked"), filepath.Join(site, "linked")),
		os.Symlink("lib", filepath.Join(root, "venv/lib64")),
		os.Symlink("..", filepath.Join(site, "upwards")),
		os.Symlink("nowhere", filepath.Join(site, "dangling")))
	return root, python
}

func TestRootLooksEverywhere(t *testing.T) {
	needRoot(t)
	root, python := environment(t)
	if err := CheckForRoot(python); err != nil {
		t.Fatalf("a safe environment is refused: %v", err)
	}
	for _, name := range []string{
		"base/bin/python3.11", "base/lib/python3.11/os.py", "base/lib/libpython3.11.so", "base/lib/libssl.so.3", "base/local/lib/python3.11/dist-packages/module.py",
		"venv/pyvenv.cfg", "venv/bin/python", "extra", "importlib_extra", "linked/sub/module.py", "linked", "venv/lib64",
		"venv/lib/python3.11/site-packages/dangling",
	} {
		path := filepath.Join(root, name)
		do(t, os.Lchown(path, other, other))
		if err := CheckForRoot(python); err == nil || !strings.Contains(err.Error(), "belongs to user") {
			t.Errorf("%s is another user's: %v", name, err)
		}
		do(t, os.Lchown(path, 0, 0))
	}
}

// Installers of several tools leave code that imports from a folder of somebody's.
func TestEditableInstallations(t *testing.T) {
	needRoot(t)
	root, python := environment(t)
	pth := filepath.Join(root, "venv/lib/python3.11/site-packages/y.pth")
	for _, line := range []string{
		"import __editable___thing_0_1_finder; __editable___thing_0_1_finder.install()\n",
		"import _thing_editable_loader\n", "import\t_thing_editable\n", "import _Editable_impl_thing\n",
	} {
		do(t, os.WriteFile(pth, []byte(line), 0o644))
		if err := CheckForRoot(python); err == nil || !strings.Contains(err.Error(), "editable") {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// The interpreter takes the nearest lib/python* above it, not only its bin's neighbour.
func TestInterpreterWithoutBin(t *testing.T) {
	needRoot(t)
	root := t.TempDir()
	for _, dir := range []string{"deep/below/lib/python3.11", "deep/lib/python3.11", "lib/python3.11"} {
		do(t, os.MkdirAll(filepath.Join(root, dir), 0o755), os.WriteFile(filepath.Join(root, dir, "os.py"), nil, 0o644))
	}
	python := filepath.Join(root, "deep", "below", "python")
	do(t, os.WriteFile(python, nil, 0o755), os.Symlink("nowhere", filepath.Join(root, "deep/below/lib/libgone.so")), CheckForRoot(python))
	for dir, safe := range map[string]bool{"deep/below": false, "deep": true, ".": true} {
		file := filepath.Join(root, dir, "lib/python3.11/os.py")
		do(t, os.Chown(file, other, other))
		if err := CheckForRoot(python); (err == nil) != safe {
			t.Errorf("%s is another user's: %v, safe should be %v", file, err, safe)
		}
		do(t, os.Chown(file, 0, 0))
	}
}

// An access list that lets somebody write shows in the mode as the group's bits.
func TestAccessLists(t *testing.T) {
	needRoot(t)
	root, python := environment(t)
	module := filepath.Join(root, "base/lib/python3.11/os.py")
	do(t, os.Chmod(module, 0o644), CheckForRoot(python))
	entry := func(tag, perm uint16, id uint32) []byte {
		e := binary.LittleEndian.AppendUint16(nil, tag)
		e = binary.LittleEndian.AppendUint16(e, perm)
		return binary.LittleEndian.AppendUint32(e, id)
	}
	const nobody = ^uint32(0)
	// acl(5), posix_acl_xattr.h: version 2, then user, user 65534, group, mask, other.
	acl := slices.Concat([]byte{2, 0, 0, 0}, entry(1, 6, nobody), entry(2, 6, other), entry(4, 4, nobody), entry(16, 6, nobody), entry(32, 4, nobody))
	if err := unix.Setxattr(module, "system.posix_acl_access", acl, 0); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("this file system has no access lists")
	} else if err != nil {
		t.Fatal(err)
	}
	if err := CheckForRoot(python); err == nil || !strings.Contains(err.Error(), module) {
		t.Errorf("user %d may write a module: %v", other, err)
	}
}

// The runner's files are imported too; and root may change what was once looked at.
func TestFindingsAreOfTheRunnerTooAndGrowOld(t *testing.T) {
	needRoot(t)
	root, python := environment(t)
	runner := filepath.Join(root, "runner")
	s := safety{runner: runner}
	do(t, s.check(python), os.Chmod(runner, 0o777), s.check(python))
	f := s.known[python]
	f.at = f.at.Add(-2 * freshly)
	s.known[python] = f
	if err := s.recheck(python); err == nil || !strings.Contains(err.Error(), runner) {
		t.Errorf("the runner's folder can be written by all: %v", err)
	}
	if err := s.check(python); err == nil {
		t.Error("the newer finding is not the one that counts")
	}
}
