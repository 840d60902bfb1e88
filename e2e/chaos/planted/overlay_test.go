package planted

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/mlq-dev/mlq/e2e/subject"
)

const patches = "../testdata/planted/*.patch"

// patched is the line of a patch that names a file.
var patched = regexp.MustCompile(`(?m)^\+\+\+ b/(\S+)$`)

// buildPlanted applies all patches to copies of what they change, and builds
// mlq with these in place of the originals. One that does not apply, or does not
// compile, is an error.
func buildPlanted(dir, to string) error {
	root, err := filepath.Abs("../../..")
	if err != nil {
		return err
	}
	copies := filepath.Join(dir, "planted")
	replace, err := overlay(root, copies)
	if err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, text, 0o600); err != nil {
		return err
	}
	return subject.Build(to, "-overlay", list)
}

// overlay makes the changed copies, and says which file each one stands for.
func overlay(root, copies string) (map[string]string, error) {
	all, err := filepath.Glob(patches)
	if err != nil {
		return nil, err
	}
	replace := map[string]string{}
	for _, patch := range all {
		text, err := os.ReadFile(patch)
		if err != nil {
			return nil, err
		}
		for _, found := range patched.FindAllStringSubmatch(string(text), -1) {
			if replace[filepath.Join(root, found[1])] != "" {
				continue // another patch changes it too
			}
			if err := copyFile(filepath.Join(root, found[1]), filepath.Join(copies, found[1])); err != nil {
				return nil, err
			}
			replace[filepath.Join(root, found[1])] = filepath.Join(copies, found[1])
		}
		if err := apply(copies, patch); err != nil {
			return nil, err
		}
	}
	return replace, nil
}

// copyFile copies a file, if there is one.
func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the patch makes it
	}
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600)
}

func apply(dir, patch string) error {
	abs, err := filepath.Abs(patch)
	if err != nil {
		return err
	}
	cmd := exec.Command("git", "apply", abs)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir)) // no repository around it counts
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s does not apply any more, make it anew: %w: %s", filepath.Base(patch), err, out)
	}
	return nil
}
