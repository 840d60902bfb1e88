package runner

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDamagedInstall: what runs jobs is what is in this program, whatever became of the files.
func TestDamagedInstall(t *testing.T) {
	dir := t.TempDir()
	whole, _, err := Install(dir)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(whole, "mlq", "runner.py")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for what, damage := range map[string]func() error{
		"a flipped byte": func() error {
			return os.WriteFile(file, append([]byte{text[0] ^ 1}, text[1:]...), 0o600)
		},
		"cut":  func() error { return os.Truncate(file, 100) },
		"gone": func() error { return os.Remove(file) },
		"no folder": func() error {
			if err := os.RemoveAll(whole); err != nil {
				return err
			}
			return os.WriteFile(whole, nil, 0o600)
		},
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		path, aside, err := Install(dir)
		if err != nil || path != whole || !strings.HasPrefix(aside, whole) {
			t.Errorf("%s: %q, %q, %v", what, path, aside, err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != string(text) {
			t.Errorf("%s: it stays, %v", what, err)
		}
	}
}
