package nemesis

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// TestKeep: what is on the disks that can be filled is kept, without what filled them.
func TestKeep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"blobs/ab/one", "h3/slots/0/attempt.jsonl", "h3/" + fillerName} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(name), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	socket, err := net.Listen("unix", filepath.Join(dir, "h3", "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := Keep(dir); err != nil {
		t.Fatal(err)
	}
	for name, there := range map[string]bool{"blobs.kept/ab/one": true, "h3.kept/slots/0/attempt.jsonl": true, "h3.kept/" + fillerName: false, "h3.kept/s": false} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != there || err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
