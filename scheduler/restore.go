package scheduler

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// revisionJump is above all revisions that a store can have given after a backup
// of it was taken: whoever follows its events must not be told older numbers again.
const revisionJump = 1 << 30

// restoredIdentity stands in the record of a store that was restored until a
// server has adopted it. No store has it.
const restoredIdentity = "restored from a backup"

// Restored counts what a restore has found and made.
type Restored struct {
	Jobs   int // that the backup has
	Voided int // of them: leases that were ended
}

// Restore fills the store, which must be empty or have been left half restored,
// with the steps of a snapshot of that revision. Nobody else may use it
// meanwhile; a process that tries is refused (ErrRestoring). It is offline work:
//
//   - leases are void: their jobs are queued again, as lost by the
//     infrastructure, for nobody knows what became of them
//   - the first server adopts the store as a new one, so that ids jump, and the
//     hold-off keeps old jobs from starting while a host may still run them
//
// Errors: store.ErrNotEmpty, those of next, of then and of the store. then is called before the store's mark is taken away, for what has to be there
// beside it; nil: nothing.
func (s *Scheduler) Restore(ctx context.Context, revision uint64, next func() (store.Op, error), then func() error) (Restored, error) {
	st, ok := s.store.(store.Snapshots)
	if !ok {
		return Restored{}, errors.New("restore: the store cannot be filled")
	}
	if err := s.clearHalf(ctx, st); err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	if err := st.Restore(ctx, revision+revisionJump, marked(next)); err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	r, err := s.voidLeases(ctx)
	if err == nil && then != nil {
		err = then()
	}
	if err == nil {
		err = s.finishRestore(ctx)
	}
	if err != nil {
		return r, fmt.Errorf("restore: %w", err)
	}
	return r, nil
}

// Free reports whether a restore may fill the store: it is empty, or another one
// did not finish.
func (s *Scheduler) Free(ctx context.Context) (bool, error) {
	st, ok := s.store.(store.Snapshots)
	if !ok {
		return false, nil
	}
	f, err := s.readSchema(ctx)
	if err != nil {
		return false, err
	}
	if _, _, err := schemaOf(f, s.opts.Version); errors.Is(err, ErrRestoring) {
		return true, nil
	}
	return st.Empty(ctx)
}

// clearHalf removes what a restore that was cut off has left. A store without
// its mark is somebody's, and st.Restore refuses it unless it is empty.
func (s *Scheduler) clearHalf(ctx context.Context, st store.Snapshots) error {
	f, err := s.readSchema(ctx)
	if err != nil {
		return err
	}
	if _, _, err := schemaOf(f, s.opts.Version); errors.Is(err, ErrRestoring) {
		return st.Clear(ctx)
	}
	return nil
}

// marked puts the mark of a restore before all other steps, and keeps it there.
func marked(next func() (store.Op, error)) func() (store.Op, error) {
	begun := false
	return func() (store.Op, error) {
		if !begun {
			begun = true
			return schemaOp(schemaRecord{Schema: firstSchema, Restoring: true}), nil
		}
		op, err := next()
		if err != nil || op.Kind != store.OpPut || string(op.Key) != keySchema {
			return op, err
		}
		r := schemaRecord{Schema: firstSchema}
		if err := decode(keySchema, op.Value, &r); err != nil {
			return op, err
		}
		r.Restoring = true
		return schemaOp(r), nil
	}
}

func schemaOp(r schemaRecord) store.Op {
	return store.Op{Kind: store.OpPut, Key: []byte(keySchema), Value: encode(r)}
}

// voidLeases ends every lease.
func (s *Scheduler) voidLeases(ctx context.Context) (r Restored, err error) {
	err = s.everyPage(ctx, func(jobs []Job) error {
		r.Jobs += len(jobs)
		for i := range jobs {
			if !jobs[i].State.Active() {
				continue
			}
			r.Voided++
			if err := s.voidLease(ctx, jobs[i].ID); err != nil {
				return err
			}
		}
		return nil
	})
	return r, err
}

func (s *Scheduler) voidLease(ctx context.Context, id JobID) error {
	t := transition[struct{}]{name: "void", freeing: true, patient: true, query: endQuery(id)}
	t.decide = func(f *facts) (p plan[struct{}], err error) {
		job, err := f.job(id)
		if err != nil || !job.State.Active() {
			return p, err
		}
		p.lose(&job, "the store was restored from a backup", f)
		return p, nil
	}
	_, err := run(ctx, s, t)
	return err
}

// finishRestore has the store adopted by the first server, also on a Redis that
// it was on before, and takes the mark away.
func (s *Scheduler) finishRestore(ctx context.Context) error {
	t := transition[struct{}]{name: "finish", freeing: true, patient: true, query: store.Query{Keys: []string{keySchema, keyEpoch}}}
	t.decide = func(f *facts) (p plan[struct{}], err error) {
		r := schemaRecord{Schema: firstSchema}
		version, err := f.load(keySchema, &r)
		if err != nil || !r.Restoring {
			return p, err
		}
		var e epochRecord
		epoch, err := f.load(keyEpoch, &e)
		if err != nil {
			return p, err
		}
		r.Restoring = false
		p.guard(store.At(keySchema, version), store.At(keyEpoch, epoch))
		p.effect(store.Put(keySchema, encode(r)))
		if epoch != 0 {
			e.Identity = restoredIdentity
			p.effect(store.Put(keyEpoch, encode(e)))
		}
		return p, nil
	}
	_, err := run(ctx, s, t)
	return err
}

// Attempts gives how many attempts each of the jobs has had; those that the
// store does not know are left out.
func (s *Scheduler) Attempts(ctx context.Context, ids []JobID) (map[JobID]int, error) {
	jobs, err := s.readJobs(ctx, ids)
	if err != nil {
		return nil, err
	}
	n := make(map[JobID]int, len(jobs))
	for i := range jobs {
		n[jobs[i].ID] = len(jobs[i].Attempts)
	}
	return n, nil
}

// HighWater is the highest id that this process may have issued, 0 where it
// keeps none.
func (s *Scheduler) HighWater() (JobID, error) {
	if s.opts.HighWater == nil {
		return 0, nil
	}
	return s.opts.HighWater.Load()
}
