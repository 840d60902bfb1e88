package redisstore

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/internal/hub"
)

// watches shares one subscribed connection among all watchers. A topic is
// subscribed while it has watchers. Redis confirms each subscription; a second
// confirmation of the same topic means that the connection is a new one, and
// that notices between the two are lost.
type watches struct {
	client  *redis.Client
	prefix  string
	silence time.Duration
	hub     hub.Hub

	ctx    context.Context // ends with the store
	cancel context.CancelFunc
	ended  chan struct{} // closed when listen has ended; nil before the first Watch

	mu      sync.Mutex
	conn    *redis.PubSub
	topics  map[string]*subscription // by channel
	trouble error                    // why the connection before this one ended
}

// subscription is one topic's.
type subscription struct {
	watchers int
	held     chan struct{} // closed by the first confirmation
}

func newWatches(client *redis.Client, prefix string) *watches {
	w := &watches{client: client, prefix: prefix, silence: defaultSilence, topics: map[string]*subscription{}}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, topics ...string) (<-chan store.Notice, error) {
	return s.watches.watch(ctx, topics)
}

// watch counts the watcher, subscribes where it is the first, and returns once
// Redis has confirmed. stop undoes the counting.
func (w *watches) watch(ctx context.Context, topics []string) (<-chan store.Notice, error) {
	waiting, failed := w.acquire(ctx, topics)
	ch, stop, err := w.hub.Watch(ctx, topics, func() { w.release(topics) })
	if err != nil {
		return nil, err // closed: nothing is counted any more
	}
	if failed == nil {
		failed = w.await(ctx, waiting)
	}
	if failed != nil {
		stop()
		return nil, failure(failed)
	}
	return ch, nil
}

// await waits until all subscriptions hold.
func (w *watches) await(ctx context.Context, waiting []chan struct{}) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	for _, held := range waiting {
		select {
		case <-held:
		case <-late.C:
			return w.unconfirmed()
		case <-ctx.Done():
			return ctx.Err()
		case <-w.ctx.Done():
			return redis.ErrClosed
		}
	}
	return nil
}

// unconfirmed says why, where Redis has: an ACL may forbid the channel.
func (w *watches) unconfirmed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return cmp.Or(w.trouble, errors.New("subscription not confirmed"))
}

// acquire counts a watcher on each topic and subscribes to those that are new.
func (w *watches) acquire(ctx context.Context, topics []string) (waiting []chan struct{}, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var fresh []string
	for _, topic := range topics {
		sub := w.topics[w.prefix+topic]
		if sub == nil {
			sub = &subscription{held: make(chan struct{})}
			w.topics[w.prefix+topic] = sub
			fresh = append(fresh, w.prefix+topic)
		}
		sub.watchers++
		waiting = append(waiting, sub.held)
	}
	w.listenOnce()
	if len(fresh) == 0 {
		return waiting, nil
	}
	return waiting, w.conn.Subscribe(ctx, fresh...)
}

// release undoes acquire when a watcher has gone.
func (w *watches) release(topics []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var unused []string
	for _, topic := range topics {
		sub := w.topics[w.prefix+topic]
		if sub.watchers--; sub.watchers == 0 {
			delete(w.topics, w.prefix+topic)
			unused = append(unused, w.prefix+topic)
		}
	}
	if len(unused) > 0 && w.ctx.Err() == nil {
		_ = w.conn.Unsubscribe(w.ctx, unused...) // an error means that the connection is gone
	}
}
