package scheduler

import (
	"context"
	"fmt"
	"sync"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// ids hands out job ids from a block of the counter. Blocks grow while they
// are used up fast, so that single submits count up without gaps and many at
// once cost few allocations. A block is good under the identity that it was
// allocated under only.
type ids struct {
	high      HighWater
	goOnAbove func(ctx context.Context, id JobID) error // has the counter go on above an id

	mu       sync.Mutex
	identity string
	next     JobID
	end      JobID // the first that is not ours
	size     int64 // of the last block
	last     JobID // of the last block, also of an earlier process: whoever gives less has forgotten it
	raised   JobID // what high was last raised to; 0: not loaded
}

// Bounds of the blocks.
const (
	maxBlock = 1024
	// highAhead is how far the high-water mark is raised ahead of use, so that
	// it is written once in so many ids: each time all submits wait for the disk.
	highAhead = 8 * maxBlock
)

// take gives n ids in a row, and the store's identity that they are good under.
func (b *ids) take(ctx context.Context, st store.Store, n int64) (JobID, string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if int64(b.end-b.next) < n {
		if err := b.refill(ctx, st, n); err != nil {
			return 0, "", fmt.Errorf("allocate ids: %w", err)
		}
	}
	// First of all the mark: an id that it does not cover may never be given, also not to who asks
	// again. The block stays until it does: one for each that asks would be holes without end,
	// which lists look through for ever.
	if err := b.raise(b.next + JobID(n) - 1); err != nil {
		return 0, "", err
	}
	first := b.next
	b.next += JobID(n)
	return first, b.identity, nil
}

// drop throws the block away: the store that gave it is not the store any more.
func (b *ids) drop(identity string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.identity == identity {
		b.next, b.end, b.size = 0, 0, 0
	}
}

func (b *ids) refill(ctx context.Context, st store.Store, n int64) error {
	b.size = min(max(2*b.size, 1), maxBlock)
	n = max(n, b.size)
	if err := b.loadHigh(); err != nil {
		return err
	}
	first, identity, err := b.allocate(ctx, st, n)
	if err != nil {
		return err
	}
	if JobID(first) == b.end && identity == b.identity {
		first = int64(b.next) // the new block goes on where the old one ends
		n += int64(b.end - b.next)
	}
	b.identity, b.next, b.end = identity, JobID(first), JobID(first+n)
	b.last = b.end - 1
	return nil
}

// allocate gives a block above all ids that this server knows it issued: where the store has lost
// some, and another server, which did not know of them, adopted it, they are left out. Of an
// earlier process's last highAhead it does not know.
func (b *ids) allocate(ctx context.Context, st store.Store, n int64) (first int64, identity string, err error) {
	for range maxConflicts {
		first, identity, err = st.Allocate(ctx, keyIDs, n)
		switch {
		case err != nil:
			return 0, "", err
		case first < 1: // nothing of ours lowers this counter
			return 0, "", fmt.Errorf("%w: the store's counter of ids gives %d", store.ErrUnavailable, first)
		case b.high == nil || JobID(first) > b.last:
			return first, identity, nil
		}
		if err := b.goOnAbove(ctx, max(b.last, b.raised)); err != nil {
			return 0, "", err
		}
	}
	return 0, "", ErrConflictRepeat // it was lost again each time
}

// loadHigh reads once what an earlier process may have issued: it was this far at least.
func (b *ids) loadHigh() (err error) {
	if b.high != nil && b.raised == 0 {
		b.raised, err = b.high.Load()
		b.last = b.raised - highAhead
	}
	return err
}

// raise has the mark cover the ids up to this one.
func (b *ids) raise(last JobID) error {
	if b.high == nil || last <= b.raised {
		return nil
	}
	to := last + highAhead
	if err := b.high.Raise(to); err != nil {
		return fmt.Errorf("allocate ids: keep the highest job id: %w", err)
	}
	b.raised = to
	return nil
}
