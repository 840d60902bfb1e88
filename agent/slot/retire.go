package slot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

// retireAgain is the pause before a slot that broke off while it was asked is
// asked again: most likely it was ending by itself.
const retireAgain = 10 * time.Millisecond

// Retire ends the slot that serves dir if it has no attempt, and returns when it
// is gone. One with an attempt is left as it is, for the next agent to adopt;
// where none runs there is nothing to do. The caller must be the only agent of dir.
func Retire(ctx context.Context, dir string) error {
	for {
		c, err := Connect(ctx, dir)
		switch {
		case err == nil:
			return c.retire(ctx)
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("retire the slot: %w", err)
		case <-time.After(retireAgain):
		}
	}
}

// retire needs a connection of its own: it reads all that the slot says.
func (c *Client) retire(ctx context.Context) error {
	defer c.Close()
	if c.State().Attempt != nil {
		return nil
	}
	if err := c.Quit(); err != nil {
		return nil //nolint:nilerr // the line has ended, and with it the slot
	}
	for {
		select {
		case _, open := <-c.Events():
			if !open {
				return nil
			}
		case <-ctx.Done():
			return fmt.Errorf("retire the slot: it does not end: %w", context.Cause(ctx))
		}
	}
}
