package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/mlq-dev/mlq/internal/sealed"
)

// tenants remembers whose jobs ran as the agent's own user. As long as they
// are all one user's, a job may be forked from the warm parent. After that any
// earlier job could have written into it, so none is trusted any more; the
// list is on disk because slots outlive the agent.
type tenants struct {
	path string
	// damaged: whose jobs ran cannot be read, so that there may have been several. It
	// stays so, and so does the file.
	damaged error
	mu      sync.Mutex
	seen    []string
}

func openTenants(path string) (*tenants, error) {
	t := &tenants{path: path}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, fmt.Errorf("users of the slots: %w", err)
	}
	text, was, err := sealed.Unseal(text)
	if err == nil && (!strings.HasSuffix(string(text), "\n") || !was && strings.Contains(string(text), " ")) { // no user's name has one
		err = sealed.ErrDamaged
	}
	if err != nil {
		t.damaged = fmt.Errorf("%s is %w: no job is forked from a warm Python any more. To start over, stop the agent and its slots and remove the file", path, err)
		return t, nil
	}
	t.seen = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	return t, nil
}

// add notes a user before their job runs, and reports whether there are several.
func (t *tenants) add(user string) (several bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.damaged != nil {
		return true, nil
	}
	if !slices.Contains(t.seen, user) {
		with := append(slices.Clone(t.seen), user)
		if err := replaceFile(t.path, sealed.Seal([]byte(strings.Join(with, "\n")+"\n"))); err != nil {
			return true, fmt.Errorf("note the slots' user: %w", err)
		}
		t.seen = with
	}
	return len(t.seen) > 1, nil
}
