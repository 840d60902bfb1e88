package world

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestCrashes: a crash is found in any of the logs, and what logs say of others' is none.
func TestCrashes(t *testing.T) {
	t.Parallel()
	w := &World{opts: Options{Dir: t.TempDir()}}
	for path, text := range map[string]string{
		"logs/s1.log":                   "mlq serve at http://x\n{\"message\":\"panic: told by a job\"}\npanic: assignment to entry in nil map\n\ngoroutine 1 [running]:\n",
		"logs/h1.log":                   "mlq agent for http://x\nPanic is no panic: it is a word\n",
		"h2/agent/slots/CPU-1/slot.log": "fatal error: concurrent map writes\n",
	} {
		path = filepath.Join(w.opts.Dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		filepath.Join(w.opts.Dir, "logs/s1.log") + ": panic: assignment to entry in nil map",
		filepath.Join(w.opts.Dir, "h2/agent/slots/CPU-1/slot.log") + ": fatal error: concurrent map writes",
	}
	if got, err := w.Crashes(); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}
