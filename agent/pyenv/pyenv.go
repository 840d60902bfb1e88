// Package pyenv finds the Python environments that a host offers, and says of
// each whether it can run jobs and, if not, which command mends it.
package pyenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Default is the name of the environment for jobs that ask for none.
const Default = "default"

// Candidate is an interpreter that an environment is to be made of.
type Candidate struct {
	Name string
	Path string // of the interpreter, absolute
}

// nameRule: a name must not look like a version ("3.11") or a path, because
// the request field python takes those too.
var nameRule = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// ParseFlag reads one value of --python: NAME=PATH, or PATH alone for the one
// named default. PATH is an interpreter, or the folder of a virtual environment.
func ParseFlag(value string) (Candidate, error) {
	name, path, named := strings.Cut(value, "=")
	if !named {
		name, path = Default, value
	}
	if !nameRule.MatchString(name) {
		return Candidate{}, fmt.Errorf("python %q: a name is a letter, then letters, digits, dot, dash or underscore", value)
	}
	if path == "" {
		return Candidate{}, fmt.Errorf("python %q: the path of an interpreter is missing", value)
	}
	path, err := interpreter(path)
	if err != nil {
		return Candidate{}, fmt.Errorf("python %q: %w", value, err)
	}
	return Candidate{Name: name, Path: path}, nil
}

// ParseFlags reads all values of --python; a name may be given once.
func ParseFlags(values []string) ([]Candidate, error) {
	seen := map[string]bool{}
	var all []Candidate
	for _, v := range values {
		c, err := ParseFlag(v)
		if err != nil {
			return nil, err
		}
		if seen[c.Name] {
			return nil, fmt.Errorf("python %q: the name %q is given twice", v, c.Name)
		}
		seen[c.Name] = true
		all = append(all, c)
	}
	return all, nil
}

// interpreter makes the path absolute and, for a folder, that of the
// interpreter in it. It does not resolve links: a virtual environment's
// interpreter is one, and knows its packages by the name it is started under.
func interpreter(path string) (string, error) {
	if !strings.ContainsRune(path, '/') {
		return exec.LookPath(path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return filepath.Join(path, "bin", "python"), nil
	}
	return path, nil
}

// Guess finds the default environment where no flag names one: $VIRTUAL_ENV,
// then .venv beside the folder of the binary, then python3 of the PATH.
func Guess(virtualEnv, binary string) []Candidate {
	for _, dir := range []string{virtualEnv, filepath.Join(filepath.Dir(filepath.Dir(binary)), ".venv")} {
		path := filepath.Join(dir, "bin", "python")
		if dir != "" && executable(path) {
			return []Candidate{{Name: Default, Path: path}}
		}
	}
	if path, err := exec.LookPath("python3"); err == nil {
		return []Candidate{{Name: Default, Path: path}}
	}
	return nil
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
