package localstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	berrors "go.etcd.io/bbolt/errors"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// full lists what the system answers where a file cannot grow.
var full = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, berrors.ErrMaxSizeReached}

// failure gives bbolt's errors the contract's names.
func failure(err error) error {
	switch {
	case errors.Is(err, berrors.ErrDatabaseNotOpen):
		return store.ErrClosed
	case cannotGrow(err):
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	return unavailable(err)
}

// cannotGrow: bbolt enlarges the file before it writes a page, and gives only
// the words of that error.
func cannotGrow(err error) bool {
	is := func(f error) bool { return errors.Is(err, f) }
	return slices.ContainsFunc(full, is) || strings.Contains(err.Error(), "file resize error")
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", store.ErrUnavailable, err) }
