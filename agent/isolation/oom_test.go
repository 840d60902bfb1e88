package isolation

import (
	"os"
	"path/filepath"
	"testing"
)

// What the kernel counts is read as its documentation has it. No controller limits
// memory here, so the files are written by the test.
func TestCountsOfWantOfMemory(t *testing.T) {
	file := func(oom, kills string) string {
		return "low 0\nhigh 0\nmax 12\noom " + oom + "\noom_kill " + kills + "\noom_group_kill 1\n"
	}
	for name, c := range map[string]struct {
		all, local string
		want       OOM
		known      bool
	}{
		"its own limit":              {file("2", "3"), file("2", "3"), OOM{Kills: 3, Limit: 2}, true},
		"the host's want":            {file("0", "1"), file("0", "1"), OOM{Kills: 1}, true},
		"the limit of a group in it": {file("1", "1"), file("0", "0"), OOM{Kills: 1}, true},
		"none":                       {file("0", "0"), file("0", "0"), OOM{}, true},
		"no local counts":            {file("1", "1"), "", OOM{}, false},
		"no counts":                  {"", "", OOM{}, false},
	} {
		dir := t.TempDir()
		for file, text := range map[string]string{"memory.events": c.all, "memory.events.local": c.local} {
			if text == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, known := (&Group{dir: dir}).OOM(); got != c.want || known != c.known {
			t.Errorf("%s: %+v %v, want %+v %v", name, got, known, c.want, c.known)
		}
	}
}
