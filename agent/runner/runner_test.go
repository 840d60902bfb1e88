package runner

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The copy must be what the client's package is, file by file.
func TestFilesAreTheClients(t *testing.T) {
	names, err := filepath.Glob("../../client/python/src/mlq/*.py")
	if err != nil || len(names) == 0 {
		t.Fatalf("client/python has no files: %v", err)
	}
	want := map[string]bool{"mlq/py.typed": true}
	for _, name := range names {
		want["mlq/"+filepath.Base(name)] = true
	}
	err = each(func(name string, data []byte) error {
		original, err := os.ReadFile(filepath.Join("../../client/python/src", name))
		if err != nil || !bytes.Equal(original, data) {
			t.Errorf("%s differs from client/python: run `go generate ./agent/runner`", name)
		}
		delete(want, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	original, err := os.ReadFile("../../client/python/LICENSE")
	if err != nil || !bytes.Equal(original, license) {
		t.Errorf("LICENSE differs from client/python: run `go generate ./agent/runner`: %v", err)
	}
	for name := range want {
		t.Errorf("%s is missing: run `go generate ./agent/runner`", name)
	}
}

func TestInstall(t *testing.T) {
	dir := t.TempDir()
	first, _, err := Install(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, aside, err := Install(dir)
	if err != nil || again != first || aside != "" {
		t.Fatalf("second install: %q, %v; want %q", again, err, first)
	}
	info, err := os.Stat(filepath.Join(first, "mlq", "runner.py"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o644 {
		t.Errorf("runner.py has mode %v: other users could not read it", info.Mode())
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("%d entries in the folder, want the one: %v", len(left), err)
	}
}
