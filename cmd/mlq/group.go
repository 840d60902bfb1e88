package main

import (
	"context"
	"fmt"
	"slices"
)

// group runs the parts of a daemon. They are stopped in the reverse order of
// their start, each one waited for before the next: an agent may still report
// to the server, and the server still write to the store.
type group struct {
	actors []*actor
	ended  chan *actor // who ended of its own accord
}

type actor struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	err    error // readable once done is closed
}

// start runs one part until it ends or is stopped. Its context has the values
// of ctx, but ends only when its turn to stop has come.
func (g *group) start(ctx context.Context, name string, run func(context.Context) error) {
	if g.ended == nil {
		g.ended = make(chan *actor, 1)
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a := &actor{name: name, cancel: cancel, done: make(chan struct{})}
	g.actors = append(g.actors, a)
	go func() {
		a.err = run(own)
		close(a.done)
		select {
		case g.ended <- a:
		default: // somebody else was first
		}
	}()
}

// wait returns when ctx has ended or a part has, and all are stopped: nil, or
// the error of the part that failed.
func (g *group) wait(ctx context.Context) error {
	var first *actor
	select {
	case first = <-g.ended:
	case <-ctx.Done():
	}
	g.stop()
	return g.result(first)
}

// stop ends what runs, the last first.
func (g *group) stop() {
	for _, a := range slices.Backward(g.actors) {
		a.cancel()
		<-a.done
	}
}

// result prefers the error of who ended first: the others may only have
// followed.
func (g *group) result(first *actor) error {
	if first != nil && first.err != nil {
		return fmt.Errorf("%s: %w", first.name, first.err)
	}
	for _, a := range g.actors {
		if a.err != nil {
			return fmt.Errorf("%s: %w", a.name, a.err)
		}
	}
	return nil
}
