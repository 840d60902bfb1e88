package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
)

// TestFetchedFilesReplaceOnlyThemselves: what lies beside a file that is
// fetched stays, whatever it is called.
func TestFetchedFilesReplaceOnlyThemselves(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get(api.HeaderCompares); got != "sha-256" {
			t.Errorf("it does not say that it compares: %q", got)
		}
		if _, err := io.WriteString(w, "new"); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	r, err := newRemote(server.URL, "", "")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"model": "old", "model.part": "mine"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := []blob.File{{Name: "model", Size: 3, SHA256: blob.Sum([]byte("new"))}}
	if err := fetchFiles(t.Context(), r, 7, files, dir); err != nil {
		t.Fatal(err)
	}
	damaged := []blob.File{{Name: "model", Size: 3, SHA256: blob.Sum([]byte("other"))}}
	if err := fetchFiles(t.Context(), r, 7, damaged, dir); err == nil {
		t.Error("a damaged file was taken")
	}
	for name, want := range map[string]string{"model": "new", "model.part": "mine"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("there are %v, %v", left, err)
	}
}
