package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Fault is what happens to one call of a Faulty store.
type Fault int

// The faults.
const (
	Healthy    Fault = iota
	LostCall         // the call never arrives; the caller gets ErrUnavailable
	LostAnswer       // the call is executed; the caller gets ErrUnavailable
	Repeated         // the call is executed twice; the caller gets the second answer
)

// Call is a call that may meet a fault.
type Call struct {
	Op     string       // "read", "commit" or "allocate"
	Commit store.Commit // of a commit
}

// Faulty is a store between which and its callers calls get lost, answers get
// lost, and calls are repeated, as Inject decides. Inject may wait, which delays
// the call; it must then heed ctx. A nil Inject is a healthy store.
type Faulty struct {
	store.Store
	Inject func(ctx context.Context, c Call) Fault
}

// Read implements store.Store.
func (f *Faulty) Read(ctx context.Context, q store.Query) (a store.Answer, err error) {
	err = f.call(ctx, Call{Op: "read"}, func() (err error) {
		a, err = f.Store.Read(ctx, q)
		return err
	})
	if err != nil {
		return store.Answer{}, err
	}
	return a, nil
}

// Commit implements store.Store.
func (f *Faulty) Commit(ctx context.Context, c store.Commit) (r store.Result, err error) {
	err = f.call(ctx, Call{Op: "commit", Commit: c}, func() (err error) {
		r, err = f.Store.Commit(ctx, c)
		return err
	})
	if err != nil {
		return store.Result{}, err
	}
	return r, nil
}

// Allocate implements store.Store.
func (f *Faulty) Allocate(ctx context.Context, counter string, n int64) (first int64, identity string, err error) {
	err = f.call(ctx, Call{Op: "allocate"}, func() (err error) {
		first, identity, err = f.Store.Allocate(ctx, counter, n)
		return err
	})
	if err != nil {
		return 0, "", err
	}
	return first, identity, nil
}

func (f *Faulty) call(ctx context.Context, c Call, run func() error) error {
	fault := Healthy
	if f.Inject != nil {
		fault = f.Inject(ctx, c)
	}
	switch fault {
	case LostCall:
		return fmt.Errorf("%w: %s lost (injected)", store.ErrUnavailable, c.Op)
	case LostAnswer:
		if err := run(); err != nil {
			return err
		}
		return fmt.Errorf("%w: answer of %s lost (injected)", store.ErrUnavailable, c.Op)
	case Repeated:
		if err := run(); err != nil {
			return err
		}
	}
	return run()
}

// Once injects one fault into the next call of an operation, and none after it.
func Once(op string, fault Fault) func(context.Context, Call) Fault {
	var mu sync.Mutex
	return func(_ context.Context, c Call) Fault {
		mu.Lock()
		defer mu.Unlock()
		if c.Op != op {
			return Healthy
		}
		now := fault
		fault = Healthy
		return now
	}
}

// Random injects a fault into about one call in oneIn: the same ones for the
// same seed and order of calls.
func Random(seed uint64, oneIn int) func(context.Context, Call) Fault {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	return func(context.Context, Call) Fault {
		mu.Lock()
		defer mu.Unlock()
		if random.IntN(oneIn) > 0 {
			return Healthy
		}
		return LostCall + Fault(random.IntN(3))
	}
}
