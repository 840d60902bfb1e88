package redisstore

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/scheduler/store"
)

const (
	couriers   = 4       // connections that carry calls; more would only thin the batches
	batchCalls = 256     // calls of one round trip
	batchBytes = 1 << 20 // after which nobody else is taken along
)

// courier carries the calls that wait at the same moment to the server in one
// round trip. Under load that halves the cost of a commit on both sides; a call
// that is alone goes at once. It also lets a caller leave when its context ends:
// go-redis heeds a deadline, but not a cancelling, while a server hangs.
type courier struct {
	client  *redis.Client
	queue   chan *call
	closing chan struct{}
	once    sync.Once
	ended   sync.WaitGroup
}

// call is some commands whose answers belong together.
type call struct {
	cmds []redis.Cmder
	size int
	done chan struct{} // closed when all cmds have their answer or error
}

func newCourier(client *redis.Client) *courier {
	c := &courier{client: client, queue: make(chan *call), closing: make(chan struct{})}
	for range couriers {
		c.ended.Go(c.carry)
	}
	return c
}

// deliver returns when the commands are answered, each with its own error. When
// it returns an error, the outcome is unknown and the commands must not be read.
func (c *courier) deliver(ctx context.Context, size int, cmds ...redis.Cmder) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	mine := &call{cmds: cmds, size: size, done: make(chan struct{})}
	select {
	case c.queue <- mine:
	case <-c.closing:
		return store.ErrClosed
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	select {
	case <-mine.done:
		return nil
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
}

// carry makes round trips until the store closes. They have no context: several
// callers share one, and none may end another's call.
func (c *courier) carry() {
	for {
		select {
		case first := <-c.queue:
			c.exchange(c.gather(first))
		case <-c.closing:
			return
		}
	}
}

// gather takes along what waits at this moment.
func (c *courier) gather(first *call) []*call {
	batch := []*call{first}
	for size := first.size; len(batch) < batchCalls && size < batchBytes; {
		select {
		case next := <-c.queue:
			batch = append(batch, next)
			size += next.size
		default:
			return batch
		}
	}
	return batch
}

func (c *courier) exchange(batch []*call) {
	ctx := context.Background()
	pipe := c.client.Pipeline()
	for _, b := range batch {
		_ = pipe.BatchProcess(ctx, b.cmds...) // only queues
	}
	cmds, err := pipe.Exec(ctx)
	stamp(cmds, err)
	for _, b := range batch {
		close(b.done)
	}
}

// stamp gives every command the error of a round trip that did not take place.
// go-redis gives each its own error, but not where there was no connection:
// without this, a server that cannot be reached would look like one with no data.
// Where one command has it, it is that command's alone, and the others were answered.
func stamp(cmds []redis.Cmder, err error) {
	if err == nil || slices.ContainsFunc(cmds, func(cmd redis.Cmder) bool { return cmd.Err() != nil }) {
		return
	}
	for _, cmd := range cmds {
		cmd.SetErr(err)
	}
}

// close returns when the last round trip has ended.
func (c *courier) close() {
	c.once.Do(func() { close(c.closing) })
	c.ended.Wait()
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", store.ErrUnavailable, err) }
