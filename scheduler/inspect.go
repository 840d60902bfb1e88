package scheduler

import (
	"context"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// inspector logs what is wrong with the store, or its server: each line when it is
// new, and once more when it is over.
type inspector struct {
	said  []string
	begun bool
}

func (i *inspector) round(ctx context.Context, s *Scheduler) error {
	inspected, ok := s.store.(store.Inspected)
	if !ok {
		return nil
	}
	problems, warnings, err := inspected.Inspect(ctx)
	if err != nil {
		return err
	}
	if !i.begun {
		i.begin(warnings, s.opts.Worth)
	}
	i.tell(s.opts.Log.Error, problems)
	i.tell(s.opts.Log.Warn, warnings)
	now := slices.Concat(problems, warnings)
	for _, text := range i.said {
		if !slices.Contains(now, text) {
			s.opts.Log.Info().Str("store", text).Msg("the store is as it should be again in this")
		}
	}
	i.said = now
	return nil
}

// begin takes what the start has told for said.
func (i *inspector) begin(warnings []string, told string) {
	i.begun = true
	for _, text := range warnings {
		if strings.Contains(told, text) {
			i.said = append(i.said, text)
		}
	}
}

// tell logs those of the lines that are new.
func (i *inspector) tell(level func() *zerolog.Event, lines []string) {
	for _, text := range lines {
		if !slices.Contains(i.said, text) {
			level().Str("store", text).Msg("the store is not as it should be")
		}
	}
}
