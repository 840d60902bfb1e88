package scheduler

import (
	"context"
	"errors"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// failures are those of a loop that tries each of many: what is the matter with one keeps no other.
type failures []error

// mostFailures bounds what an error tells: it is in the log anew when it is another one.
const mostFailures = 3

// end notes an error, nil for none, and reports whether the rest would fail as well: the store is away,
// or full.
func (f *failures) end(ctx context.Context, err error) bool {
	if err != nil && len(*f) < mostFailures {
		*f = append(*f, err)
	}
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrFull) || ctx.Err() != nil
}

func (f *failures) joined() error { return errors.Join(*f...) }
