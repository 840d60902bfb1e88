package api

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestMediaTypesAreDocumented: the reference has each ending with its media type, and no other.
func TestMediaTypesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(page), "\n## Media types\n")
	part, _, _ = strings.Cut(part, "\n## ")
	written := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| (.+) \\| `(.+)` \\|").FindAllStringSubmatch(part, -1) {
		for _, ext := range regexp.MustCompile("`([a-z0-9]+)`").FindAllStringSubmatch(row[1], -1) {
			written[ext[1]] = row[2]
		}
	}
	for ext, media := range extensions {
		if written[ext] != media {
			t.Errorf("%s is served as %q, and the reference says %q", ext, media, written[ext])
		}
	}
	for ext := range written {
		if extensions[ext] == "" {
			t.Errorf("the reference has %s, which is saved", ext)
		}
	}
}
