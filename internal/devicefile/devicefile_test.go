package devicefile

import (
	"path/filepath"
	"testing"
)

func TestNamesAreFilesOfOneFolder(t *testing.T) {
	for _, uuid := range []string{
		"GPU-5d000000-0000-4000-8000-000000000000", "MIG-5d000000-0000-4000-8000-000000000000", "SIM-1",
		"MIG-GPU-5d000000-0000-4000-8000-000000000000/7/0", "MIG-GPU-x/../../etc/passwd",
	} {
		path := filepath.Join("/run/lock/mlq", Name(uuid)+".lock")
		if filepath.Dir(path) != "/run/lock/mlq" {
			t.Errorf("%s is at %s", uuid, path)
		}
		if back := UUID(Name(uuid)); back != uuid {
			t.Errorf("%s comes back as %s", uuid, back)
		}
	}
}
