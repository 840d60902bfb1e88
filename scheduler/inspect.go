package scheduler

import (
	"context"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// inspector logs what is wrong with the store, or its server: each line when it is
// new, and once more when none is left.
type inspector struct{ said map[string]bool }

func (i *inspector) round(ctx context.Context, s *Scheduler) error {
	inspected, ok := s.store.(store.Inspected)
	if !ok {
		return nil
	}
	problems, warnings, err := inspected.Inspect(ctx)
	if err != nil {
		return err
	}
	now := map[string]bool{}
	for _, text := range append(problems, warnings...) {
		if now[text] = true; !i.said[text] {
			s.opts.Log.Error().Str("store", text).Msg("the store is not as it should be")
		}
	}
	if len(now) == 0 && len(i.said) > 0 {
		s.opts.Log.Info().Msg("the store is as it should be again")
	}
	i.said = now
	return nil
}
