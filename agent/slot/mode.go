package slot

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/mlq-dev/mlq/agent/isolation"
)

// mode is how the process for a grant is come by.
type mode struct {
	// warm: forked from a warm parent, which runs as the slot's own user.
	// Otherwise a spare interpreter is used once, started as account.
	warm    bool
	account *Account // of a spare; nil: the slot's own user
	why     string   // of a spare, in words
	// hold is the grant's control group, of a spare that is another user's from its
	// start on: it waits in a group too; nil: it need not.
	hold *isolation.Spec
}

// readAtImport are the variables that numerical libraries read when they are
// imported: a parent that has imported them cannot take them into account.
var readAtImport = []string{"OMP_", "CUDA_", "TORCH_", "MKL_", "OPENBLAS_", "PYTORCH_", "NUMEXPR_", "KMP_", "GOMP_"}

// chooseMode decides how a process for g is come by. unsafe says why root must
// not execute the interpreter of g, nil if it may; it is asked of root only.
func chooseMode(g *Grant, euid uint32, preload bool, unsafe func() error) (mode, error) {
	root := euid == 0
	other := g.Account != nil && g.Account.UID != euid
	if other && !root {
		return mode{}, fmt.Errorf("the agent is not root: it cannot run a job as %s", g.Account.Name)
	}
	var account *Account
	if other {
		account = g.Account
	}
	if root {
		switch err := unsafe(); {
		case errors.Is(err, fs.ErrNotExist):
			return mode{}, err
		case err != nil && account == nil:
			return mode{}, fmt.Errorf("root runs nothing that others can change: %w", err)
		case err != nil:
			return mode{account: account, why: err.Error(), hold: g.Isolation}, nil
		}
	}
	if name := fixedAtImport(g.Vars); preload && name != "" {
		m := mode{account: account, why: name + " is read when preloaded modules are imported"}
		if account != nil {
			m.hold = g.Isolation
		}
		return m, nil
	}
	if g.Shared && !other {
		return mode{why: "jobs of several users run as one account"}, nil
	}
	return mode{warm: true}, nil
}

// fixedAtImport returns one variable that a preloaded module would have read already.
func fixedAtImport(vars map[string]string) string {
	for name := range vars {
		for _, prefix := range readAtImport {
			if strings.HasPrefix(name, prefix) {
				return name
			}
		}
	}
	return ""
}

// errNoPython: a grant without an interpreter.
var errNoPython = errors.New("the grant names no interpreter")
