package blob

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/fuzzseed"
)

// FuzzParseManifest: every name of a manifest that is taken stays below the folder that
// it is put into, and every digest names a blob.
func FuzzParseManifest(f *testing.F) {
	seeds := fuzzseed.For(f)
	sum := strings.Repeat("0a", 32)
	for _, name := range []string{"plots/loss.png", "../x", "a//b", "a\\\\b", "é.txt", "...", "a/..", "/x"} {
		seeds.Add([]byte(`{"files":[{"name":"` + name + `","size":5120,"sha256":"` + sum + `"}]}`))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseManifest(text)
		if err != nil {
			return
		}
		for _, file := range m.Files {
			if !filepath.IsLocal(filepath.FromSlash(file.Name)) || strings.ContainsAny(file.Name, "\x00\n\r") {
				t.Fatalf("the name %q", file.Name)
			}
			if !isDigest(file.SHA256) || file.Size < 0 {
				t.Fatalf("the file %+v", file)
			}
		}
	})
}
