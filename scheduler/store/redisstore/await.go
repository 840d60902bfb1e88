package redisstore

import (
	"context"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// await runs one call and answers as soon as ctx ends. go-redis heeds a
// context's deadline, but not its cancelling, while it waits for a server that
// hangs; the call itself ends after patience at the latest.
func await[T any](ctx context.Context, call func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	if err := ctx.Err(); err != nil {
		return *new(T), fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	done := make(chan answer, 1)
	go func() {
		value, err := call()
		done <- answer{value, err}
	}()
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
		return *new(T), fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
	}
}
