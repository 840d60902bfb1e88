package agent

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent/pyenv"
	"github.com/mlq-dev/mlq/scheduler"
)

// counting is an interpreter that counts its starts, and is ready for jobs once
// there is a file beside it.
const counting = `#!/bin/sh
echo x >> "$0.starts"
test -e "$0.mended" || { echo 'disk: not ready' >&2; exit 1; }
echo '{"implementation": "cpython", "version": "3.11.7", "cloudpickle": "3.1.0"}'
`

// TestBrokenEnvironmentsAreAskedAgain: those that could not run jobs at the start
// come back by themselves; those that could are not asked twice.
func TestBrokenEnvironmentsAreAskedAgain(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	for _, path := range []string{good, bad} {
		if err := os.WriteFile(path, []byte(counting), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	mend(t, good)
	starts := func(path string) int {
		said, err := os.ReadFile(path + ".starts")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(said), "x")
	}
	e := &environments{
		candidates: []pyenv.Candidate{{Name: "bad", Path: bad}, {Name: "good", Path: good}},
		probe: func(ctx context.Context, all []pyenv.Candidate) []scheduler.Environment {
			return pyenv.Probe(ctx, all, nil)
		},
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	e.ask(ctx)
	if p := e.all()[0].Problem; !strings.Contains(p, "disk: not ready") || !strings.Contains(p, "looks again by itself") || e.usual() != good {
		t.Fatalf("at the start: %+v", e.all())
	}
	if changed := e.ask(ctx); len(changed) != 0 || starts(bad) != 2 {
		t.Errorf("the same answer again is news: %+v, after %d starts", changed, starts(bad))
	}
	mend(t, bad)
	var told []scheduler.Environment
	e.watch(ctx, time.Millisecond, func(changed []scheduler.Environment) { told = append(told, changed...) })
	if len(told) != 1 || told[0].Name != "bad" || told[0].Problem != "" || e.usual() != bad {
		t.Errorf("mended: told %+v, now %+v", told, e.all())
	}
	if starts(good) != 1 {
		t.Errorf("the good one was asked %d times", starts(good))
	}
}

// TestProbesEndWithTheAgent: what the end cut short is no answer.
func TestProbesEndWithTheAgent(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	was := []scheduler.Environment{{Name: "a", Problem: "slow"}}
	e := &environments{list: was, candidates: []pyenv.Candidate{{Name: "a"}}}
	e.probe = func(context.Context, []pyenv.Candidate) []scheduler.Environment {
		cancel()
		return []scheduler.Environment{{Name: "a", Problem: "signal: killed"}}
	}
	e.watch(ctx, time.Millisecond, func(changed []scheduler.Environment) { t.Errorf("told %+v", changed) })
	if e.all()[0].Problem != "slow" {
		t.Errorf("now %+v", e.all())
	}
}

// TestEnvironmentsAreNews: the store hears at once of one that is back.
func TestEnvironmentsAreNews(t *testing.T) {
	broken := scheduler.Inventory{Environments: []scheduler.Environment{{Name: "a", Problem: "slow"}}}
	mended := scheduler.Inventory{Environments: []scheduler.Environment{{Name: "a"}}}
	if !due(broken, mended, 0) || due(mended, mended, 0) {
		t.Error("an environment that is back is not told at once")
	}
}

func mend(t *testing.T, python string) {
	t.Helper()
	if err := os.WriteFile(python+".mended", nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
