package isolation

import (
	"context"
	"path/filepath"
	"strings"
	"time"
)

// sweepPatience bounds what an agent's start waits for leftovers to end.
const sweepPatience = 2 * time.Second

// sweep takes away what slots that were killed have left of this agent's groups:
// spares, which no job has, are ended; the empty groups of attempts are removed.
// Those with processes are jobs that go on, or the next slot's to end.
func (p *Place) sweep(ctx context.Context) {
	dirs, err := p.groups()
	if err != nil {
		return // no tree: nothing to take away
	}
	ctx, cancel := context.WithTimeout(ctx, sweepPatience)
	defer cancel()
	for _, dir := range dirs {
		g := &Group{dir: dir, ours: p.Level == Cgroup}
		if strings.Contains(filepath.Base(dir), spareMark) {
			_ = g.Clear(ctx, func() {}) // what does not end in time is found at the next start
		}
		_ = g.Remove() // busy: a job's
	}
}

// groups are the folders of this agent's attempts and spares.
func (p *Place) groups() ([]string, error) {
	if p.Level == Cgroup {
		return filepath.Glob(filepath.Join(p.parent, namePrefix+"*"))
	}
	at, root, err := mountPoint()
	if err != nil {
		return nil, err
	}
	slice, err := below(at, root, "/"+jobsSlice)
	if err != nil {
		return nil, err
	}
	return filepath.Glob(filepath.Join(slice, namePrefix+"*-"+p.tag+"*"+scopeSuffix))
}
