package redisstore

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/internal/faultproxy"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// watcher is a store behind a proxy with a watch on a topic.
type watcher struct {
	*Store
	t     *testing.T
	ctx   context.Context
	proxy redistest.Proxy
	ch    <-chan store.Notice
}

func watching(t *testing.T, silence time.Duration) *watcher {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	proxy := redistest.NewProxy(t, redistest.Shared(t).Addr())
	s, err := Open(ctx, proxy.URL(redistest.Namespace(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); cancel() })
	s.watches.silence = silence
	w := &watcher{s, t, ctx, proxy, nil}
	w.ch = w.watch(ctx)
	return w
}

func (w *watcher) watch(ctx context.Context) <-chan store.Notice {
	w.t.Helper()
	ch, err := w.Watch(ctx, "topic")
	if err != nil {
		w.t.Fatal(err)
	}
	return ch
}

func (w *watcher) want(ch <-chan store.Notice, lost bool) {
	w.t.Helper()
	select {
	case n := <-ch:
		if n.Lost != lost {
			w.t.Fatalf("got %+v, want Lost %v", n, lost)
		}
	case <-w.ctx.Done():
		w.t.Fatalf("nothing came, want Lost %v", lost)
	}
}

// notify publishes past the proxy, as another process would.
func (w *watcher) notify() {
	w.t.Helper()
	if n := w.direct("publish", w.key("topic"), "x"); n == int64(0) {
		w.t.Fatal("nobody is subscribed")
	}
}

// direct asks the server itself, and gives its answer.
func (w *watcher) direct(line ...any) any {
	w.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: redistest.Shared(w.t).Addr()})
	defer client.Close()
	answer, err := client.Do(w.ctx, line...).Result()
	if err != nil {
		w.t.Fatal(err)
	}
	return answer
}

// TestWatchAfterCut: a watcher is told of the gap, once the new subscription
// holds and not before, so that what it then reads again misses nothing.
func TestWatchAfterCut(t *testing.T) {
	t.Parallel()
	w := watching(t, time.Minute)
	w.notify()
	w.want(w.ch, false)
	w.proxy.Cut()
	w.want(w.ch, true)
	w.notify()
	w.want(w.ch, false)
}

// TestWatchOfSilentServer: a connection that has died without a word is
// replaced.
func TestWatchOfSilentServer(t *testing.T) {
	t.Parallel()
	w := watching(t, 50*time.Millisecond)
	arrived, release := w.proxy.Hold(faultproxy.Answers)
	for range 2 { // the answer to the ping, and the first of the next connection
		<-arrived
	}
	release()
	w.want(w.ch, true)
	w.notify()
	for n := range w.ch {
		if !n.Lost { // a slow machine may have replaced it once more
			break
		}
	}
}

// TestWatchersShare: one connection and one subscription serve all watchers, and
// end with the last.
func TestWatchersShare(t *testing.T) {
	t.Parallel()
	w := watching(t, time.Minute)
	ctx, leave := context.WithCancel(w.ctx)
	second := w.watch(ctx)
	if n := w.direct("publish", w.key("topic"), "x"); n != int64(1) {
		t.Fatalf("%v subscriptions, want 1", n)
	}
	w.want(w.ch, false)
	w.want(second, false)
	leave()
	for range second { // ends when it is closed
	}
	w.notify()
	w.want(w.ch, false)

	alone, leave := context.WithCancel(w.ctx)
	other, err := w.Watch(alone, "other")
	if err != nil {
		t.Fatal(err)
	}
	leave()
	for range other {
	}
	for w.direct("publish", w.key("other"), "x") != int64(0) { // ends by the context
	}
}
