package agent

import (
	"errors"
	"testing"
	"time"
)

// A driver that does not let go is asked ever more rarely, and is taken again
// after any try.
func TestGrip(t *testing.T) {
	now := time.Hour
	clock := func() time.Duration { return now }
	busy := errors.New("a call hangs")
	tries, takes := 0, 0
	fails := func() error { tries++; return busy }
	take := func() error { takes++; return nil }
	var g grip
	if did, err := g.take(take); did || err != nil || takes != 0 {
		t.Fatal("takes what it has")
	}
	for end := now + time.Hour; now < end; now += time.Second {
		if err := g.letGo(fails, clock); !errors.Is(err, busy) {
			t.Fatalf("at %v it says %v", now, err)
		}
	}
	if tries < 30 || tries > 40 {
		t.Errorf("%d tries in an hour", tries)
	}
	if did, err := g.take(take); !did || err != nil || takes != 1 {
		t.Errorf("after tries that failed: %v, %v, %d", did, err, takes)
	}
	now += time.Second
	if err := g.letGo(func() error { return nil }, clock); err != nil {
		t.Error(err)
	}
	before := tries
	now += time.Hour
	if err := g.letGo(fails, clock); err != nil || tries != before {
		t.Errorf("lets go twice: %v", err)
	}
	if did, err := g.take(func() error { return busy }); did || !errors.Is(err, busy) {
		t.Errorf("a driver that cannot be taken: %v, %v", did, err)
	}
	if did, err := g.take(take); !did || err != nil {
		t.Errorf("tried again: %v, %v", did, err)
	}
}
