package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// noProcessOf says which process has a text in its command line or its
// environment, if one has.
func noProcessOf(text string) error {
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return err
	}
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		env, err := os.ReadFile(filepath.Join(filepath.Dir(path), "environ"))
		if err != nil {
			continue
		}
		if strings.Contains(string(line)+string(env), text) {
			return fmt.Errorf("still there: %s %s", path, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return nil
}

// asExit finds the exit code in an error of a command.
func asExit(err error, target *interface{ ExitCode() int }) bool { return errors.As(err, target) }
