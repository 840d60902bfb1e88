package redisstore

import (
	"bytes"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestLargeCommitsAreReadFewAtOnce of the note that a snapshot keeps: each may be of 128 MiB.
func TestLargeCommitsAreReadFewAtOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, err := Open(ctx, redistest.Shared(t).URL(redistest.Namespace(t)))
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	r, err := s.beginRedo(ctx)
	must(t, err)
	defer func() { must(t, r.end(ctx)) }()
	a, err := s.Read(ctx, store.Query{})
	must(t, err)
	const commits, size = 40, 2 << 20
	value := bytes.Repeat([]byte("x"), size)
	for range commits {
		_, err := s.Commit(ctx, store.Commit{Identity: a.Identity, Effects: []store.Effect{store.Put("spec:large", value)}})
		must(t, err)
	}
	for reads, before := 1, 0; ; reads++ {
		_, all, err := r.page(ctx)
		must(t, err)
		now := r.waits()
		if now-before > 20<<20 {
			t.Errorf("read %d: %d MiB at once", reads, (now-before)>>20)
		}
		if before = now; all {
			break
		}
	}
	if n := r.waits(); n < commits*size {
		t.Errorf("%d bytes were read", n)
	}
	must(t, r.take(ctx))
}

// waits is how many bytes were read and not made yet.
func (r *redo) waits() (n int) {
	for _, list := range r.wait {
		for _, one := range list {
			n += len(one.value)
		}
	}
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
