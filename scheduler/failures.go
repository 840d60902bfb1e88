package scheduler

import (
	"context"
	"errors"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// failures are those of a loop that tries each of many: what is the matter with one keeps no other.
type failures []error

// end notes an error, nil for none, and reports whether the rest would fail as well: the store is away.
func (f *failures) end(ctx context.Context, err error) bool {
	if err != nil {
		*f = append(*f, err)
	}
	return errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil
}

func (f *failures) joined() error { return errors.Join(*f...) }
