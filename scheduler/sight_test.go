package scheduler_test

import (
	"fmt"
	"testing"
)

func TestAViewLikeTheOneBeforeIsOneRead(t *testing.T) {
	w, c := countedWorld(t)
	h := w.host("lab1", 1)
	w.submit("ana")
	w.submit("ana")
	h.choose(nil)
	if n := c.trips(func() { h.choose(nil) }); n[0] != 1 {
		t.Errorf("the second view took %d reads, want 1", n[0])
	}
	w.succeed(w.start(h.take(nil)))
	w.succeed(w.start(h.take(nil)))
	h.choose(nil) // nothing waits
	w.submit("ana")
	if n := c.trips(func() { h.choose(nil) }); n[0] != 1 {
		t.Errorf("the view after an empty one took %d reads, want 1", n[0])
	}
}

// Where each job is another user's, the users of the jobs that come next are known.
func TestAViewKnowsWhoComesNext(t *testing.T) {
	w, c := countedWorld(t)
	h := w.host("lab1", 1)
	for i := range 40 {
		w.submit(fmt.Sprintf("user-%d", i))
	}
	h.choose(nil)
	for range 24 {
		if n := c.trips(func() { w.succeed(w.start(h.take(nil))) }); n != [2]int64{2, 3} {
			t.Fatalf("a job took %v reads and commits, want two (view and claim) and three", n)
		}
	}
}

// What was not seen before is found all the same: another class, another user,
// and what users hold is never what they held.
func TestAViewFindsWhatIsNew(t *testing.T) {
	w, _ := countedWorld(t)
	h := w.host("lab1", 4)
	w.submit("ana")
	h.choose(nil)
	w.submit("bob", gpus(2))
	w.start(h.take(map[string]bool{}))
	v, err := w.s.View(w.ctx, h.offer(nil), 0)
	w.must(err)
	if len(v.Entries) != 1 || v.Entries[0].User != "bob" {
		t.Fatalf("entries: %+v", v.Entries)
	}
	w.submit("ana")
	v, err = w.s.View(w.ctx, h.offer(nil), 0)
	w.must(err)
	if len(v.Entries) != 2 || v.Held["ana"] != 1 || v.Held["bob"] != 0 {
		t.Errorf("entries %+v, held %v; want both users, ana with one device", v.Entries, v.Held)
	}
}
