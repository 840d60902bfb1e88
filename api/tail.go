package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// tail is a copy of the log of all events while somebody follows it: read and encoded
// once, however many followers there are. They have no queues: each goes through the copy
// at its own pace, by the ids of the log, so that nobody misses an event or has it twice.
type tail struct {
	read  func(ctx context.Context, after store.EntryID, limit int) ([]scheduler.Event, error)
	asked chan struct{} // holds one where somebody wants a round

	mu        sync.Mutex
	followers int
	joining   []chan<- joined // who wait for the end of a round that begins from now on
	copied    *copied
}

// copied is what was copied since the copy was last begun.
type copied struct {
	lines  []line        // oldest first; each is immutable
	grown  chan struct{} // closed when there are more lines, or never will be
	failed error         // why there will be no more
	end    store.EntryID // of the log, when it was last read; only the round's
}

// line is one event as it is sent.
type line struct {
	id    store.EntryID
	user  string // whose event it is
	frame []byte
}

func newTail(s *scheduler.Scheduler) *tail {
	return &tail{read: s.Events, asked: make(chan struct{}, 1), copied: newCopied()}
}

func newCopied() *copied { return &copied{grown: make(chan struct{})} }

// tailReader is one reader's part in a copy; leave when done.
type tailReader struct {
	*tail
	of  *copied
	end store.EntryID // of the log, when it joined
}

type joined struct {
	tailReader
	err error
}

// join waits until the log was read to its end.
func (t *tail) join(ctx context.Context, stopping <-chan struct{}) (*tailReader, error) {
	done := make(chan joined, 1)
	t.mu.Lock()
	t.followers++
	t.joining = append(t.joining, done)
	t.mu.Unlock()
	select {
	case t.asked <- struct{}{}:
	default: // a round is due that has not begun
	}
	err := fmt.Errorf("read events: %w", store.ErrUnavailable)
	select {
	case j := <-done:
		if err = j.err; err == nil {
			return &j.tailReader, nil
		}
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-stopping:
	}
	t.leave()
	return nil, err
}

func (t *tail) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.followers--
}

// since gives what came after an entry, and what is closed when there is more. An error
// comes after the last line.
func (f *tailReader) since(after store.EntryID) ([]line, <-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, found := slices.BinarySearchFunc(f.of.lines, after, func(l line, id store.EntryID) int { return compareEntries(l.id, id) })
	if found {
		at++
	}
	if at < len(f.of.lines) {
		return f.of.lines[at:], f.of.grown, nil
	}
	return nil, f.of.grown, f.of.failed
}

func compareEntries(a, b store.EntryID) int {
	return cmp.Or(cmp.Compare(a.Revision, b.Revision), cmp.Compare(a.Seq, b.Seq))
}

// run reads whenever something has happened, somebody joins, or a notice may have been lost.
func (t *tail) run(ctx context.Context, h *hub, every time.Duration) {
	wake, stop := h.wait(0, false)
	defer stop()
	again := time.NewTicker(every)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-t.asked:
		case <-again.C:
		}
		t.round(ctx)
		pause(ctx, t.rest())
	}
}

// Each round wakes all followers, and each of them writes. The rest after it grows with
// their number, so that many leave time for others, too; from 2,000 on it grows no more, for
// events shall not be late.
const (
	restEach = 100 * time.Microsecond
	restMost = 200 * time.Millisecond
)

func (t *tail) rest() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return min(time.Duration(t.followers)*restEach, restMost)
}

// round brings the copy to the end of the log, and lets those in who wait for that.
// Without followers there is no copy.
func (t *tail) round(ctx context.Context) {
	t.mu.Lock()
	joining := t.joining
	t.joining = nil
	if t.followers == 0 {
		t.copied = newCopied()
		t.mu.Unlock()
		return
	}
	c := t.copied
	t.mu.Unlock()
	err := t.bring(ctx, c)
	if errors.Is(err, scheduler.ErrLogCut) { // a copy of the store as it is now has the right end
		c = t.copied
		err = t.bring(ctx, c)
	}
	for _, j := range joining {
		j <- joined{tailReader{t, c, c.end}, err}
	}
}

// bring reads to the end of the log. What fails ends the copy and its followers: they
// come back with the id of the last event that they had.
func (t *tail) bring(ctx context.Context, c *copied) error {
	for n := eventPage; n == eventPage; {
		events, err := t.read(ctx, c.end, eventPage)
		var lines []line
		if err == nil {
			lines, err = linesOf(events)
		}
		n = len(lines)
		t.grow(c, lines, err)
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tail) grow(c *copied, lines []line, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil:
		c.failed, t.copied = err, newCopied()
		close(c.grown)
	case len(lines) > 0:
		c.end = lines[len(lines)-1].id
		if c.lines = append(c.lines, lines...); len(c.lines) > 2*scheduler.KeptEvents {
			c.lines = slices.Clone(c.lines[len(c.lines)-scheduler.KeptEvents:])
		}
		close(c.grown)
		c.grown = make(chan struct{})
	}
}

func linesOf(events []scheduler.Event) ([]line, error) {
	lines := make([]line, len(events))
	for i, e := range events {
		wire := Event{Job: e.Job, Kind: e.Kind, Text: e.Text, At: e.At, Attempt: e.Attempt, User: e.User}
		frame, err := frame(formatEntryID(e.ID), "job", wire)
		if err != nil {
			return nil, err
		}
		lines[i] = line{e.ID, e.User, frame}
	}
	return lines, nil
}
