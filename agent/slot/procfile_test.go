package slot

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestReadProcIsAsReadFile(t *testing.T) {
	for _, size := range []int{0, 1, 511, 512, 513, procSize, procSize + 1, 5 * procSize} {
		path := filepath.Join(t.TempDir(), "file")
		want := bytes.Repeat([]byte{'x', '\n'}, (size+1)/2)[:size]
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readProc(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
	}
	if _, err := readProc("/proc/0/stat"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}
