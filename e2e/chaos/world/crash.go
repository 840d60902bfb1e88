package world

import (
	"os"
	"path/filepath"
	"regexp"
)

// crash is how Go tells of the end that a process did not choose, and Redis of its own.
var crash = regexp.MustCompile(`(?m)^(?:panic: |fatal error: |.*http: panic serving |.*REDIS BUG REPORT START).*`)

// Crashes are the first words of each, from the logs of all processes and their slots,
// with the log's name. Processes that crash are started again by the faults' healing,
// so that nothing else tells of it.
func (w *World) Crashes() (all []string, err error) {
	for _, pattern := range []string{"logs/*", "h*/agent/slots/*/slot.log"} {
		paths, err := filepath.Glob(filepath.Join(w.opts.Dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			for _, words := range crash.FindAll(text, -1) {
				all = append(all, path+": "+string(words))
			}
		}
	}
	return all, nil
}
