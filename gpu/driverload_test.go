package gpu

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDriverLoadIsAFoldersOwn(t *testing.T) {
	dir := t.TempDir()
	module := filepath.Join(dir, "nvidia")
	if inode(module) != 0 {
		t.Error("a module that is not there has a number")
	}
	if err := os.Mkdir(module, 0o700); err != nil {
		t.Fatal(err)
	}
	loaded := inode(module)
	if loaded == 0 || inode(module) != loaded {
		t.Errorf("%d became %d while it stayed", loaded, inode(module))
	}
	// The other is there before the first goes, so that no number is used again.
	if err := os.Mkdir(module+"-2", 0o700); err != nil {
		t.Fatal(err)
	}
	if again := inode(module + "-2"); again == loaded {
		t.Error("loaded anew it has the same number")
	}
}
