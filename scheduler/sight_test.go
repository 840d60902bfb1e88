package scheduler_test

import (
	"fmt"
	"maps"
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

// Where many hosts are idle, each looks deep into what it can run now, and no deeper
// than the first few into what needs more devices than are free.
func TestHowDeepAViewLooks(t *testing.T) {
	w, _ := countedWorld(t)
	for i := range 40 {
		w.must(w.s.Idle(w.ctx, fmt.Sprintf("idle%d", i), true))
	}
	h := w.host("lab1", 2)
	for _, n := range []int{1, 2} {
		_, err := w.submitN("ana", 60, gpus(n))
		w.must(err)
	}
	for _, c := range []struct {
		busy map[string]bool
		want map[int]int // entries by how many devices they need
	}{
		{map[string]bool{h.inv.Devices[0].UUID: true}, map[int]int{1: 40, 2: 16}},
		{nil, map[int]int{1: 40, 2: 40}}, // though the view before saw fewer
		{map[string]bool{h.inv.Devices[1].UUID: true}, map[int]int{1: 40, 2: 16}},
	} {
		v, err := w.s.View(w.ctx, h.offer(c.busy), 0)
		w.must(err)
		got := make(map[int]int)
		for _, e := range v.Entries {
			got[e.Devices]++
		}
		if !maps.Equal(got, c.want) {
			t.Errorf("with %d busy: entries by devices %v, want %v", len(c.busy), got, c.want)
		}
	}
}
