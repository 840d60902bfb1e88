package history_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/faultproxy"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/storetest"
)

// fate is what becomes of one call's commit. It travels in the call's context.
type fate struct {
	kind  kind
	fault storetest.Fault
	delay time.Duration
	leave context.CancelFunc // the caller does not wait for another answer
}

type fateKey struct{}

// fated gives the context of a call: most are healthy, some commits are late,
// some are executed twice, some never arrive, and of some the answer is lost.
func fated(ctx context.Context, r *rand.Rand, k kind) (context.Context, context.CancelFunc) {
	ctx, leave := context.WithCancel(ctx)
	f := fate{kind: k, leave: leave}
	switch n := r.IntN(100); {
	case n < 10:
		f.fault = storetest.LostAnswer
	case n < 15:
		f.fault = storetest.LostCall
	case n < 25:
		f.fault = storetest.Repeated
	case n < 40:
		f.delay = time.Duration(r.IntN(8)) * time.Millisecond
	}
	return context.WithValue(ctx, fateKey{}, f), leave
}

// kindOf is which call a context belongs to.
func kindOf(ctx context.Context) kind {
	f, _ := ctx.Value(fateKey{}).(fate)
	return f.kind
}

// inject is storetest.Faulty's.
func inject(ctx context.Context, c storetest.Call) storetest.Fault {
	f, _ := ctx.Value(fateKey{}).(fate)
	if c.Op != "commit" {
		return storetest.Healthy
	}
	if f.delay > 0 {
		timer := time.NewTimer(f.delay)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	if f.fault == storetest.LostCall {
		f.leave()
	}
	return f.fault
}

// leaving ends a call whose answer is lost once it was executed.
type leaving struct{ store.Store }

func (l leaving) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	r, err := l.Store.Commit(ctx, c)
	if f, _ := ctx.Value(fateKey{}).(fate); f.fault == storetest.LostAnswer {
		f.leave()
	}
	return r, err
}

// broken is a store through which the scheduler sees or does something wrong.
type broken struct {
	store.Store
	read   func(k kind, q store.Query, a *store.Answer)
	commit func(ctx context.Context, k kind, s store.Store, c *store.Commit)
}

func (b broken) Read(ctx context.Context, q store.Query) (store.Answer, error) {
	a, err := b.Store.Read(ctx, q)
	if err == nil && b.read != nil {
		b.read(kindOf(ctx), q, &a)
	}
	return a, err
}

func (b broken) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	if b.commit != nil {
		b.commit(ctx, kindOf(ctx), b.Store, &c)
	}
	return b.Store.Commit(ctx, c)
}

// trouble drops, holds and cuts what goes over a proxy until stop is called.
func trouble(t testing.TB, p redistest.Proxy, seed uint64) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		r := rand.New(rand.NewPCG(seed, 0))
		tick := time.NewTicker(15 * time.Millisecond)
		defer tick.Stop()
		release := func() {}
		defer func() { release() }()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			release()
			switch r.IntN(6) {
			case 0:
				p.Lose(1 + r.IntN(3))
			case 1:
				p.Cut()
			case 2, 3:
				_, release = p.Hold(faultproxy.Answers)
			}
		}
	})
	stop = sync.OnceFunc(func() { close(done); wg.Wait(); p.Lose(0) })
	t.Cleanup(stop)
	return stop
}
