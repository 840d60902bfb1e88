package main

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// until returns a part that notes its end and then returns err.
func until(note func(string), name string, err error) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		note(name)
		return err
	}
}

func TestGroupStopsInReverseOrder(t *testing.T) {
	var order []string
	note := func(name string) { order = append(order, name) } // never two at a time: that is what is tested
	ctx, cancel := context.WithCancel(context.Background())
	var g group
	for _, name := range []string{"store", "server", "agent"} {
		g.start(ctx, name, until(note, name, nil))
	}
	cancel()
	if err := g.wait(ctx); err != nil {
		t.Error(err)
	}
	if want := []string{"agent", "server", "store"}; !slices.Equal(order, want) {
		t.Errorf("stopped %v, want %v", order, want)
	}
}

func TestGroupEndsWhenOnePartFails(t *testing.T) {
	broken := errors.New("port on fire")
	var stopped []string
	var g group
	g.start(t.Context(), "store", until(func(n string) { stopped = append(stopped, n) }, "store", nil))
	g.start(t.Context(), "server", func(context.Context) error { return broken })
	err := g.wait(t.Context())
	if !errors.Is(err, broken) || err.Error() != "server: port on fire" {
		t.Errorf("wait = %v", err)
	}
	if !slices.Equal(stopped, []string{"store"}) {
		t.Errorf("stopped %v", stopped)
	}
}

func TestGroupTellsOfAFailureWhileStopping(t *testing.T) {
	broken := errors.New("disk full")
	ctx, cancel := context.WithCancel(t.Context())
	var g group
	g.start(ctx, "store", until(func(string) {}, "store", broken))
	cancel()
	if err := g.wait(ctx); !errors.Is(err, broken) {
		t.Errorf("wait = %v", err)
	}
}
