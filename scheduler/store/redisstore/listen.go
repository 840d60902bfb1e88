package redisstore

import (
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/scheduler/store"
)

const (
	defaultSilence = 5 * time.Second        // after which the connection is asked for a sign of life
	reconnect      = 200 * time.Millisecond // between two attempts
)

func (w *watches) listenOnce() {
	if w.conn != nil {
		return
	}
	w.conn = w.client.Subscribe(w.ctx)
	w.ended = make(chan struct{})
	go w.listen()
}

// listen receives until the store closes, on one connection after the other.
func (w *watches) listen() {
	defer close(w.ended)
	for w.ctx.Err() == nil {
		w.replace(w.receive())
	}
}

// receive hands on what one connection says, and returns why it ended: it failed,
// or it fell silent.
func (w *watches) receive() error {
	asked := false
	for {
		said, err := w.conn.ReceiveTimeout(w.ctx, w.silence)
		switch {
		case err == nil:
			asked = false
			w.heard(said)
		case isTimeout(err) && !asked:
			asked = true
			_ = w.conn.Ping(w.ctx) // the answer, or its absence, is heard above
		default:
			return err
		}
	}
}

func (w *watches) heard(said any) {
	switch m := said.(type) {
	case *redis.Message:
		topic := strings.TrimPrefix(m.Channel, w.prefix)
		w.hub.Publish(store.Notice{Topic: topic, Value: []byte(m.Payload)})
	case *redis.Subscription:
		if m.Kind == "subscribe" {
			w.confirmed(m.Channel)
		}
	}
}

func (w *watches) confirmed(channel string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trouble = nil
	sub := w.topics[channel]
	if sub == nil {
		return
	}
	select {
	case <-sub.held:
		w.hub.Lost(strings.TrimPrefix(channel, w.prefix))
	default:
		close(sub.held)
	}
}

// replace subscribes to all topics on a new connection, a moment later.
func (w *watches) replace(trouble error) {
	select {
	case <-w.ctx.Done():
	case <-time.After(reconnect):
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trouble = trouble
	w.conn.Close()
	if w.ctx.Err() != nil {
		return
	}
	w.conn = w.client.Subscribe(w.ctx, slices.Collect(maps.Keys(w.topics))...)
}

func (w *watches) close() {
	w.cancel()
	w.mu.Lock()
	conn, ended := w.conn, w.ended
	w.mu.Unlock()
	if conn != nil {
		conn.Close() // wakes the receiver
		<-ended
	}
	w.hub.Close()
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
