package localstore

import (
	"context"
	"errors"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

const (
	maxBatch   = 256                   // commits that share one fsync
	sweepEvery = time.Second           // while nobody writes
	sweepAgain = 10 * time.Millisecond // while there is more to sweep
)

// request is something that waits for the writer.
type request struct {
	run  func(*txn) error // its error refuses this request alone
	done chan error       // has room for the one answer
}

// submit hands run to the writer and waits until its effects are on disk.
func (s *Store) submit(ctx context.Context, run func(*txn) error) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	r := &request{run: run, done: make(chan error, 1)}
	select {
	case s.queue <- r:
	case <-s.closing:
		return store.ErrClosed
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
}

// write is the one goroutine that writes.
func (s *Store) write() {
	defer close(s.stopped)
	idle := time.NewTimer(sweepEvery)
	defer idle.Stop()
	for {
		select {
		case first := <-s.queue:
			s.answer(s.gather(first))
		case <-idle.C:
			idle.Reset(s.tidy())
		case <-s.closing:
			return
		}
	}
}

// gather takes all that waits at this moment.
func (s *Store) gather(first *request) []*request {
	batch := []*request{first}
	for len(batch) < maxBatch {
		select {
		case r := <-s.queue:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// answer applies a batch. Where the file refuses it (a full disk), each request
// is tried alone: a large one must not take the small ones with it.
func (s *Store) answer(batch []*request) {
	answers, err := s.apply(batch)
	if err != nil && len(batch) > 1 {
		for _, r := range batch {
			s.answer([]*request{r})
		}
		return
	}
	for i, r := range batch {
		if err != nil {
			r.done <- err
			continue
		}
		r.done <- answers[i]
	}
}

// apply runs a batch in one transaction, and publishes once it is on disk.
// After a failure that is not a full disk, nobody knows what the file holds:
// nothing more is written to it.
func (s *Store) apply(batch []*request) (answers []error, err error) {
	if err := s.distrust(); err != nil {
		return nil, err
	}
	var t *txn
	err = s.update(func(tx *bolt.Tx) (err error) {
		if t, err = s.begin(tx); err != nil {
			return err
		}
		for _, r := range batch {
			answers = append(answers, r.run(t))
		}
		t.sweep()
		return t.end(tx)
	})
	if err != nil {
		return nil, s.failed(err)
	}
	for _, n := range t.notices {
		s.notices.Publish(n)
	}
	return answers, nil
}

func (s *Store) failed(err error) error {
	err = failure(err)
	if !errors.Is(err, store.ErrFull) {
		s.broken.Store(&err)
	}
	return err
}

// distrust is why nothing more is written, nil while the file can be trusted.
func (s *Store) distrust() error {
	if err := s.broken.Load(); err != nil {
		return *err
	}
	return nil
}
