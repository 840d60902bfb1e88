package agentclient

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// A call is tried so often and so long, as the scheduler does with its store.
const (
	tries      = 6
	oneTry     = 10 * time.Second
	firstPause = 20 * time.Millisecond
	lastPause  = 640 * time.Millisecond
)

// persist makes the same call again while its outcome is not known.
func persist(ctx context.Context, call func(context.Context) error) error {
	pause := firstPause
	for n := 1; ; n++ {
		err := within(ctx, call)
		if err == nil || n == tries || ctx.Err() != nil || !errors.Is(err, store.ErrUnavailable) {
			return err
		}
		if !wait(ctx, pause/2+rand.N(pause)) {
			return err
		}
		pause = min(2*pause, lastPause)
	}
}

// within bounds one try.
func within(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, oneTry)
	defer cancel()
	return call(ctx)
}

// wait reports whether the time passed before ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
