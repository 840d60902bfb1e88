package scheduler_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// weighed is a store that weighs what is read of it.
type weighed struct {
	store.Store

	most, all int // bytes: of one read, of all
	specs     int // that were read
}

func (s *weighed) Read(ctx context.Context, q store.Query) (store.Answer, error) {
	a, err := s.Store.Read(ctx, q)
	n := 0
	for i, r := range a.Records {
		n += len(r.Value)
		if strings.HasPrefix(q.Keys[i], "spec:job:") {
			s.specs++
		}
	}
	s.most, s.all = max(s.most, n), s.all+n
	return a, err
}

// TestLargeSpecsAreReadFewAtOnce by who goes through all of them, and once.
func TestLargeSpecsAreReadFewAtOnce(t *testing.T) {
	const jobs, size = 40, 3 << 20
	old := ringOf("mlq", 1)
	w := signedWorld(t, old)
	large := aCommand
	large.Body = bytes.Repeat([]byte("x"), size)
	for range jobs {
		w.submitSigned(large)
	}
	for name, walk := range map[string]func(*world) error{
		"sign all": func(w *world) error {
			n, err := w.s.SignAll(w.ctx, false)
			if n.Signed != jobs {
				return fmt.Errorf("%+v, %w", n, err)
			}
			return err
		},
		"every job": func(w *world) error {
			n := 0
			err := w.s.EveryJob(w.ctx, func(*scheduler.Job, scheduler.Spec) error { n++; return nil }, nil)
			if n != jobs {
				return fmt.Errorf("%d, %w", n, err)
			}
			return err
		},
	} {
		st := &weighed{Store: w.st}
		other := &world{TB: t, ctx: w.ctx, st: st}
		if err := walk(other.as(ringOf("mlq", 2, old.First()))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if st.most > 32<<20 || st.all > 3*jobs*size/2 {
			t.Errorf("%s: %d MiB at once, %d in all", name, st.most>>20, st.all>>20)
		}
	}
}

// TestRestoreReadsNoSpecs: they are most of what a store keeps, and none of them says who runs.
func TestRestoreReadsNoSpecs(t *testing.T) {
	w := newWorld(t, scheduler.Timing{})
	w.must(w.s.OpenSchema(w.ctx, true))
	for range 20 {
		w.submit("ana")
	}
	revision, steps := w.backup()
	into, err := localstore.OpenMemory()
	w.must(err)
	t.Cleanup(func() { w.must(into.Close()) })
	st := &weighed{Store: into}
	r := worldOn(t, struct {
		*weighed
		store.Snapshots
	}{st, into}, scheduler.Timing{})
	if got, err := r.s.Restore(r.ctx, revision, steps, nil); err != nil || got.Jobs != 20 || st.specs != 0 {
		t.Errorf("%+v, %v; %d specs were read", got, err, st.specs)
	}
}
