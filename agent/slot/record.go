package slot

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// record is what attempt.json holds from before the call is handed over until
// Done: enough for a slot that was restarted to find what is left.
type record struct {
	Grant  Grant    `json:"grant"` // without Vars and Token
	Boot   string   `json:"boot"`
	UID    uint32   `json:"uid"` // of the job's processes
	Runner procStat `json:"runner"`
}

const (
	attemptFile = "attempt.json"
	endedFile   = "ended.json"
	lockFile    = "slot.lock"
	tmpName     = "tmp"
	outName     = "out"
)

// withoutSecrets is g as it may be shown and kept.
func withoutSecrets(g *Grant) Grant {
	kept := *g
	kept.Vars, kept.Token = nil, ""
	return kept
}

// writeJSON replaces a file as a whole. It need not survive a loss of power:
// after one nothing that it tells of is alive.
func writeJSON(dir, name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	temp := filepath.Join(dir, name+".new")
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, filepath.Join(dir, name))
}

// readJSON reports false where there is no such file.
func readJSON(dir, name string, v any) (bool, error) {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return false, fmt.Errorf("decode %s: %w", name, err)
	}
	return true, nil
}

func removeFiles(dir string, names ...string) error {
	var errs []error
	for _, name := range names {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
