package standin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// beside is the name of a state that lies in the library's folder.
const beside = "nvml"

// Beside has every process that finds the library in the folder read this state,
// also one that is started without the variables of Environ.
func (s *State) Beside(folder string) {
	s.t.Helper()
	path := filepath.Join(folder, beside)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal("NVML's stand-in:", err)
	}
	if err := os.Symlink(s.path, path); err != nil {
		s.t.Fatal("NVML's stand-in:", err)
	}
}

// Place compiles the library into a folder, with a state of n GPUs beside it,
// for what is no test. Nothing changes the state, and who waits for events is
// left to sleep, as a driver does.
func Place(folder string, n int) error {
	library, err := compiled()
	if err != nil {
		return fmt.Errorf("NVML's stand-in: %w", err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	s := &State{path: filepath.Join(folder, beside), lines: begin(n)}
	s.lines["event.poll"] = "1000"
	return errors.Join(os.WriteFile(filepath.Join(folder, "libnvidia-ml.so.1"), library, 0o755), s.write())
}
