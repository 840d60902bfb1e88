package slot

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestStickyParents: below root's sticky folder nobody else can exchange what
// is root's; below any other folder that all may write they can.
func TestStickyParents(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root owns files as root")
	}
	shared := filepath.Join(t.TempDir(), "shared")
	own := filepath.Join(shared, "own")
	if err := os.MkdirAll(own, 0o755); err != nil {
		t.Fatal(err)
	}
	for mode, safe := range map[fs.FileMode]bool{0o777 | fs.ModeSticky: true, 0o777: false, 0o755: true} {
		if err := os.Chmod(shared, mode); err != nil {
			t.Fatal(err)
		}
		if err := checkFolder(own); (err == nil) != safe {
			t.Errorf("below a folder of mode %v: %v", mode, err)
		}
	}
	if err := os.Chmod(shared, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if err := checkFolder(shared); err == nil {
		t.Error("a sticky folder is searched, though others can add to it")
	}
}
