package agent

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCacheOfAnotherBoot: what was not synced before a loss of power is not trusted after it.
func TestCacheOfAnotherBoot(t *testing.T) {
	c := &cache{dir: t.TempDir()}
	payload := filepath.Join(c.dir, "abc")
	fill := func() {
		t.Helper()
		if err := os.WriteFile(payload, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fill()
	for _, step := range []struct {
		boot string
		kept bool
	}{{"one", false}, {"one", true}, {"two", false}} {
		fill()
		if err := c.since(step.boot); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(payload); (err == nil) != step.kept {
			t.Errorf("boot %s: kept %t, want %t", step.boot, err == nil, step.kept)
		}
	}
}
