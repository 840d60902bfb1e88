package api

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// logOf is a log with events of these revisions; its store answers until it fails.
type logOf struct {
	revisions []uint64
	failure   error
}

func (l *logOf) read(_ context.Context, after store.EntryID, limit int) ([]scheduler.Event, error) {
	if l.failure != nil {
		return nil, l.failure
	}
	if n := len(l.revisions); n > 0 && l.revisions[n-1] < after.Revision {
		return nil, scheduler.ErrLogCut
	}
	var events []scheduler.Event
	for _, r := range l.revisions {
		if r > after.Revision && len(events) < limit {
			events = append(events, scheduler.Event{ID: store.EntryID{Revision: r}})
		}
	}
	return events, nil
}

func tailOf(l *logOf) *tail {
	return &tail{read: l.read, asked: make(chan struct{}, 1), copied: newCopied()}
}

// enter joins with one round.
func (t *tail) enter(tb testing.TB) *tailReader {
	tb.Helper()
	go func() {
		<-t.asked
		t.round(context.Background())
	}()
	f, err := t.join(tb.Context(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func (f *tailReader) has(tb testing.TB, after uint64, want ...uint64) {
	tb.Helper()
	lines, _, err := f.since(store.EntryID{Revision: after})
	if err != nil {
		tb.Fatal(err)
	}
	var got []uint64
	for _, l := range lines {
		got = append(got, l.id.Revision)
	}
	if !slices.Equal(got, want) {
		tb.Errorf("after %d come %d, want %d", after, got, want)
	}
}

// TestTail: a follower has what came after any entry, once and in order, also where that entry
// is not in the log any more.
func TestTail(t *testing.T) {
	t.Parallel()
	l := &logOf{revisions: []uint64{3, 5, 9}}
	tail := tailOf(l)
	f := tail.enter(t)
	if f.end.Revision != 9 {
		t.Errorf("the log ends with %d", f.end.Revision)
	}
	f.has(t, 0, 3, 5, 9)
	f.has(t, 4, 5, 9)
	f.has(t, 5, 9)
	f.has(t, 9)
	_, grown, _ := f.since(f.end)
	l.revisions = append(l.revisions, 12)
	tail.round(t.Context())
	select {
	case <-grown:
	default:
		t.Error("the follower was not woken")
	}
	f.has(t, 9, 12)
}

// TestTailForgets: there is never much more of the log than the store keeps, and nothing where
// nobody follows.
func TestTailForgets(t *testing.T) {
	t.Parallel()
	l := &logOf{}
	tail := tailOf(l)
	f := tail.enter(t)
	for r := range uint64(2*scheduler.KeptEvents + 500) {
		l.revisions = append(l.revisions, r+1)
		if len(l.revisions) == eventPage {
			tail.round(t.Context())
			l.revisions = l.revisions[:0]
		}
	}
	if n := len(tail.copied.lines); n < scheduler.KeptEvents || n > 2*scheduler.KeptEvents {
		t.Errorf("%d events are kept", n)
	}
	f.has(t, 2*scheduler.KeptEvents+499, 2*scheduler.KeptEvents+500)
	f.leave()
	tail.round(t.Context())
	if n := len(tail.copied.lines); n != 0 {
		t.Errorf("%d events are kept for nobody", n)
	}
}

// TestTailOfAStoreThatFails: followers have what was read and then end; who comes later starts over.
func TestTailOfAStoreThatFails(t *testing.T) {
	t.Parallel()
	l := &logOf{revisions: []uint64{1, 2}}
	tail := tailOf(l)
	f := tail.enter(t)
	_, grown, _ := f.since(f.end)
	l.failure = store.ErrUnavailable
	tail.round(t.Context())
	<-grown
	f.has(t, 0, 1, 2)
	if _, _, err := f.since(f.end); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("ends with %v", err)
	}
	l.failure = nil
	tail.enter(t).has(t, 1, 2)
}

// TestTailOfAStoreThatLost: after a failover that lost the last events, followers end, and who joins
// has the end of the log as it is now, not as it was.
func TestTailOfAStoreThatLost(t *testing.T) {
	t.Parallel()
	l := &logOf{revisions: []uint64{1, 2, 3, 4}}
	tail := tailOf(l)
	old := tail.enter(t)
	l.revisions = []uint64{1, 2}
	f := tail.enter(t)
	if f.end.Revision != 2 {
		t.Errorf("the log ends with %d", f.end.Revision)
	}
	if _, _, err := old.since(old.end); !errors.Is(err, scheduler.ErrLogCut) {
		t.Errorf("the old follower ends with %v", err)
	}
	l.revisions = []uint64{1, 2, 3}
	tail.round(t.Context())
	f.has(t, 2, 3)
}

// TestTailRests: more followers, fewer rounds, within bounds.
func TestTailRests(t *testing.T) {
	t.Parallel()
	for followers, want := range map[int]time.Duration{0: 0, 10: time.Millisecond, 1000: 100 * time.Millisecond, 100_000: restMost} {
		if got := (&tail{followers: followers}).rest(); got != want {
			t.Errorf("%d followers: %s, want %s", followers, got, want)
		}
	}
}
