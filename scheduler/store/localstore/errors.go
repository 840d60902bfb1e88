package localstore

import (
	"errors"
	"fmt"
	"syscall"

	berrors "go.etcd.io/bbolt/errors"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// full lists what a file answers that cannot grow.
var full = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, berrors.ErrMaxSizeReached}

// failure gives bbolt's errors the contract's names.
func failure(err error) error {
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return store.ErrClosed
	}
	for _, f := range full {
		if errors.Is(err, f) {
			return fmt.Errorf("%w: %w", store.ErrFull, err)
		}
	}
	return unavailable(err)
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", store.ErrUnavailable, err) }
