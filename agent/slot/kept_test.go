package slot

import (
	"sync"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

// An agent that lost its line says done again on the next one, while the slot may
// still be at the first: what is noted of the attempt after that must stay.
func TestDoneTwiceForgetsOnce(t *testing.T) {
	dir := t.TempDir()
	s := &slot{journal: openTestJournal(t, dir), spool: spool{dir}, changed: make(chan struct{}, 1)}
	for fence := uint64(1); fence <= 2000; fence++ {
		old := Grant{Job: 1, Fence: fence}
		s.kept = &State{Attempt: &old}
		var both sync.WaitGroup
		both.Go(func() { s.done(old.Ref()) })
		both.Go(func() {
			s.done(old.Ref())
			if err := s.journal.begin(record{Grant: Grant{Job: 2, Fence: fence}}); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		if r, _, err := s.journal.load(); err != nil || r == nil || r.Grant.Ref() != (scheduler.LeaseRef{Job: 2, Fence: fence}) {
			t.Fatalf("after %d: %+v, %v", fence, r, err)
		}
	}
}
