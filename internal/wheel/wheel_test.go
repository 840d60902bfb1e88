package wheel

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"
)

func example() Package {
	return Package{
		Name: "some-package", Version: "1.2", Metadata: "Requires-Python: >=3.9\n", License: []byte("free"),
		Files: map[string][]byte{"pkg/__init__.py": []byte("x = 1\n"), "pkg/a.py": []byte("y = 2\n"), "pkg/py.typed": nil},
	}
}

func TestSameFilesSameBytes(t *testing.T) {
	first, err := Build(example())
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := Build(example())
		if err != nil || again.SHA256 != first.SHA256 || !bytes.Equal(again.Data, first.Data) {
			t.Fatalf("another wheel of the same files: %v", err)
		}
	}
	if first.Name != "some_package-1.2-py3-none-any.whl" {
		t.Errorf("it is named %s", first.Name)
	}
}

// TestRecord: RECORD has every file with its digest and size, as pip checks them.
func TestRecord(t *testing.T) {
	made, err := Build(example())
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(made.Data), int64(len(made.Data)))
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	var record string
	for _, file := range archive.File {
		r, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file.Name, "/RECORD") {
			record = string(data)
			fmt.Fprintf(&want, "%s,,\n", file.Name)
			continue
		}
		sum := sha256.Sum256(data)
		fmt.Fprintf(&want, "%s,sha256=%s,%d\n", file.Name, base64.RawURLEncoding.EncodeToString(sum[:]), len(data))
		if file.Mode().Perm() != 0o644 {
			t.Errorf("%s has mode %v", file.Name, file.Mode())
		}
	}
	if record != want.String() {
		t.Errorf("RECORD is\n%s\nwant\n%s", record, want.String())
	}
}

func TestNoPackage(t *testing.T) {
	if _, err := Build(Package{Name: "a", Version: "1"}); err == nil {
		t.Error("a wheel without files")
	}
}
