package main

import (
	"context"

	"github.com/mlq-dev/mlq/bench/internal/stand"
)

// repeated measures as often as was asked; the first time is 1.
func (b *bench) repeated(once func(rep int) error) error {
	for rep := range b.reps {
		if err := once(rep + 1); err != nil {
			return err
		}
	}
	return nil
}

// served starts a server on a Redis of its own, and stops both when do has measured.
func (b *bench) served(ctx context.Context, do func(*stand.Redis, *stand.Server) error) error {
	r, err := stand.StartRedis(ctx, b.out)
	if err != nil {
		return err
	}
	defer r.Stop()
	s, err := stand.Serve(ctx, b.program("mlq"), r)
	if err != nil {
		return err
	}
	defer s.Stop()
	return do(r, s)
}
