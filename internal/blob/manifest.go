package blob

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
)

// MaxManifest is the largest manifest, in bytes.
const MaxManifest = 16 << 20

// Manifest lists what lay in a job's out/ at its end. It is kept as a blob
// itself: {"files":[{"name":"plots/loss.png","size":5120,"sha256":"…"}]}.
type Manifest struct {
	Files []File `json:"files"`
}

// File is one file of a manifest; its bytes are the blob SHA256.
type File struct {
	Name   string `json:"name"` // with slashes, relative to out/
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// ParseManifest reads a manifest and checks every entry.
func ParseManifest(text []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("read a manifest: %w", err)
	}
	for i, f := range m.Files {
		if !CleanName(f.Name) || f.Size < 0 || !isDigest(f.SHA256) {
			return m, fmt.Errorf("read a manifest: entry %d is not valid", i)
		}
	}
	return m, nil
}

// CleanName reports whether a file's name is relative, in its shortest form,
// and stays below its folder.
func CleanName(name string) bool {
	return name != "" && len(name) <= 1024 && path.Clean(name) == name &&
		!path.IsAbs(name) && name != "." && name != ".." && !strings.HasPrefix(name, "../") &&
		!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f })
}

// Find returns the entry of that name.
func (m Manifest) Find(name string) (File, bool) {
	for _, f := range m.Files {
		if f.Name == name {
			return f, true
		}
	}
	return File{}, false
}
