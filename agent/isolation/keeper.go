package isolation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Keeper makes the groups that grants name. The zero value is ready. Safe for
// concurrent use.
type Keeper struct {
	mu      sync.Mutex
	systemd *manager // nil: not asked yet, or lost
}

// Hold makes the group of an attempt and puts a process of ours into it, which
// from then on can open no device but the ordinary ones and those of the cards.
// It must not have done anything for the job yet: what it has started already
// stays outside.
func (k *Keeper) Hold(ctx context.Context, s Spec, pid int, cards []Card) (*Group, error) {
	var nodes []Node
	if s.Devices {
		var err error
		if nodes, err = thisKernel.nodes(cards); err != nil {
			return nil, fmt.Errorf("devices of the lease: %w", err)
		}
	}
	g, err := k.make(ctx, s, pid, nodes)
	if err != nil {
		return nil, err
	}
	if in, err := g.holds(pid); err != nil || !in {
		err = errors.Join(fmt.Errorf("process %d is not in its control group %s", pid, g.dir), err)
		return nil, errors.Join(err, g.Remove())
	}
	return g, nil
}

func (k *Keeper) make(ctx context.Context, s Spec, pid int, nodes []Node) (*Group, error) {
	switch s.Level {
	case Cgroup:
		return makeFolder(s, pid, append(slices.Clip(ordinary), nodes...))
	case Systemd:
		m, err := k.manager()
		if err != nil {
			return nil, err
		}
		return m.makeScope(ctx, s, pid, nodes)
	}
	return nil, fmt.Errorf("this build knows no isolation %q", s.Level)
}

// manager gives the line to systemd, a new one where the last broke.
func (k *Keeper) manager() (*manager, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.systemd != nil && k.systemd.alive() {
		return k.systemd, nil
	}
	if k.systemd != nil {
		k.systemd.conn.Close()
		k.systemd = nil
	}
	m, err := dial()
	if err != nil {
		return nil, err
	}
	k.systemd = m
	return m, nil
}

// Close ends the line to systemd. Groups stay.
func (k *Keeper) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.systemd != nil {
		k.systemd.conn.Close()
		k.systemd = nil
	}
}
