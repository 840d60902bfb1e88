package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSigningKeyOnAReadOnlyDisk: the keys may lie where the server cannot write, as in a
// container's secret.
func TestSigningKeyOnAReadOnlyDisk(t *testing.T) {
	t.Parallel()
	dir := labDir(t)
	disk := newDisk(t, filepath.Join(dir, "keys"), 1<<20)
	key := filepath.Join(disk.path, "signing.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("ab", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	disk.readOnly()
	for range 2 { // the second start has nothing to bind any more
		d, err := startDaemon(dir, nil, "serve", "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--signing-key-file", key)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	}
}
