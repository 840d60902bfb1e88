package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// ErrNameTaken: an agent of another data folder, here or on another machine, is
// alive under this name.
var ErrNameTaken = errors.New("another agent of this name is alive")

// keptName is which agent process this folder's last one was. A join under the
// same name takes over from that process; from any other, it would end its jobs.
type keptName struct {
	Name  string `json:"name"`
	Epoch uint64 `json:"epoch"`
}

// rival is what is known of another agent of this name.
type rival uint8

const (
	rivalNone  rival = iota
	rivalFresh       // heard of lately: it may have ended since
	rivalAlive       // heard of while we looked
)

// rivalOf is pure. own is the epoch of this folder's last process, first the
// heartbeat that was found first, since for how long it has been known, and fresh how
// long one counts: by the store's clock, or by our own, as the store's may be set back.
func rivalOf(seen scheduler.AgentSeen, own uint64, first time.Time, since, fresh time.Duration) rival {
	switch {
	case seen.Epoch == 0, seen.Epoch == own, seen.Beat.IsZero(), seen.Now.Sub(seen.Beat) >= fresh:
		return rivalNone
	case seen.Beat.Equal(first) && since >= fresh:
		return rivalNone
	case first.IsZero(), seen.Beat.Equal(first):
		return rivalFresh
	}
	return rivalAlive
}

// awaitName returns when no other agent has the name. One that was heard of and
// is silent is waited for until it could take no new job; one that lives is ErrNameTaken.
func (a *Agent) awaitName(ctx context.Context) error {
	var first time.Time
	var found time.Duration // by our own clock
	for {
		asked := a.now() // an answer may be on its way for long
		seen, err := a.opts.Scheduler.AgentSeen(ctx, a.opts.Name)
		if err != nil {
			return fmt.Errorf("ask who has the name %s: %w", a.opts.Name, err)
		}
		switch rivalOf(seen, a.was.epochOf(a.opts.Name), first, asked-found, a.timing.Warn) {
		case rivalNone:
			return nil
		case rivalAlive:
			return fmt.Errorf("%w: %s was heard of %s ago, from another data folder or another machine; give each agent a --name of its own, or end that one first",
				ErrNameTaken, a.opts.Name, seen.Now.Sub(seen.Beat).Round(100*time.Millisecond))
		case rivalFresh:
			if first.IsZero() {
				a.opts.Log.Warn().Time("heard", seen.Beat).Dur("waits_ms", a.timing.Warn).
					Msg("an agent of this name was heard of a moment ago, from another data folder or another machine: waiting to see whether it is alive")
				first, found = seen.Beat, a.now()
			}
		}
		if sleep(ctx, a.timing.RenewEvery/5); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// epochOf is which process had the name for this folder; 0: none.
func (k *kept) epochOf(name string) uint64 {
	if k.Joined == nil || k.Joined.Name != name {
		return 0
	}
	return k.Joined.Epoch
}
