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
	high HighWater

	mu       sync.Mutex
	identity string
	next     JobID
	end      JobID // the first that is not ours
	size     int64 // of the last block
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
	first, identity, err := st.Allocate(ctx, keyIDs, n)
	if err != nil {
		return err
	}
	if first, err = b.aboveHigh(ctx, st, first, n); err != nil {
		return err
	}
	if JobID(first) == b.end && identity == b.identity {
		first = int64(b.next) // the new block goes on where the old one ends
		n += int64(b.end - b.next)
	}
	b.identity, b.next, b.end = identity, JobID(first), JobID(first+n)
	return b.raise(b.end - 1)
}

// aboveHigh skips what this server may have issued before the store lost it,
// in case that another server adopted the store and did not know.
func (b *ids) aboveHigh(ctx context.Context, st store.Store, first, n int64) (int64, error) {
	if b.high == nil {
		return first, nil
	}
	if b.raised == 0 {
		high, err := b.high.Load()
		if err != nil {
			return 0, err
		}
		b.raised = high
	}
	behind := int64(b.raised) - highAhead - (first + n - 1)
	if behind <= 0 {
		return first, nil
	}
	skip := behind + highAhead + n
	top, _, err := st.Allocate(ctx, keyIDs, skip)
	return top + skip - n, err
}

func (b *ids) raise(last JobID) error {
	if b.high == nil || last <= b.raised {
		return nil
	}
	to := last + highAhead
	if err := b.high.Raise(to); err != nil {
		return fmt.Errorf("keep the highest job id: %w", err)
	}
	b.raised = to
	return nil
}
