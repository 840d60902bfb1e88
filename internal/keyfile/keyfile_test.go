package keyfile_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/mlq-dev/mlq/internal/keyfile"
)

// TestRootWritesForTheServer: what root writes belongs to whom the file belonged that it
// replaces, or where there is none the folder, and is for nobody else.
func TestRootWritesForTheServer(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "signing.key")
	mark := func(at, text string) error { return keyfile.ReplaceAs(path, at+".adopt", text) }
	for _, c := range []struct {
		what  string
		at    string
		of    string // what belongs to the owner before
		owner int
		put   func(path, text string) error
	}{
		{"a new file in the server's folder", path, dir, 4321, keyfile.WriteNew},
		{"a file that is replaced", path, path, 5432, keyfile.Replace},
		{"a mark beside it", path + ".adopt", path, 6543, mark},
	} {
		if err := os.Chown(c.of, c.owner, c.owner+1); err != nil {
			t.Fatal(err)
		}
		if err := c.put(path, "key\n"); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(c.at)
		if err != nil {
			t.Fatal(err)
		}
		got := info.Sys().(*syscall.Stat_t)
		if int(got.Uid) != c.owner || int(got.Gid) != c.owner+1 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s belongs to %d:%d, %v; want %d", c.what, got.Uid, got.Gid, info.Mode(), c.owner)
		}
	}
}
