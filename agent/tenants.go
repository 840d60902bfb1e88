package agent

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
)

// tenants remembers whose jobs ran as the agent's own user. As long as they
// are all one user's, a job may be forked from the warm parent. After that any
// earlier job could have written into it, so none is trusted any more; the
// list is on disk because slots outlive the agent.
type tenants struct {
	path string
	mu   sync.Mutex
	seen []string
}

func openTenants(path string) (*tenants, error) {
	t := &tenants{path: path}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, fmt.Errorf("users of the slots: %w", err)
	}
	defer closeFile(f)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		t.seen = append(t.seen, lines.Text())
	}
	return t, lines.Err()
}

// add notes a user before their job runs, and reports whether there are several.
func (t *tenants) add(user string) (several bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.seen, user) {
		if err := t.write(user); err != nil {
			return true, fmt.Errorf("note the slots' user: %w", err)
		}
		t.seen = append(t.seen, user)
	}
	return len(t.seen) > 1, nil
}

func (t *tenants) write(user string) error {
	f, err := os.OpenFile(t.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, user)
	return errors.Join(err, f.Close())
}
