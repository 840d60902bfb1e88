package data_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api/data"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// later is a store whose clock can be moved.
type later struct {
	store.Store

	by time.Duration
}

// Read moves the clock.
func (l *later) Read(ctx context.Context, q store.Query) (store.Answer, error) {
	a, err := l.Store.Read(ctx, q)
	a.Now = a.Now.Add(l.by)
	return a, err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// onBoth runs a test on the embedded store and on Redis.
func onBoth(t *testing.T, test func(t *testing.T, st *later)) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		st, err := localstore.OpenMemory()
		must(t, err)
		t.Cleanup(func() { must(t, st.Close()) })
		test(t, &later{Store: st})
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		st, err := redisstore.Open(t.Context(), redistest.Shared(t).URL(redistest.Namespace(t)))
		must(t, err)
		t.Cleanup(func() { must(t, st.Close()) })
		test(t, &later{Store: st})
	})
}

func keys(items []data.Item) (out []string) {
	for _, i := range items {
		out = append(out, i.Key)
	}
	return out
}

// TestItems: kept, replaced, listed in pages, removed; of one user only.
func TestItems(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, st *later) {
		s, ctx := data.New(st), t.Context()
		for i := range 300 {
			_, err := s.Put(ctx, "ana", fmt.Sprintf("k%03d", i), "old", 3, 0)
			must(t, err)
		}
		kept, err := s.Put(ctx, "ana", "k007", "new", 4, 0)
		must(t, err)
		got, err := s.Get(ctx, "ana", "k007")
		must(t, err)
		if got != kept || got.SHA256 != "new" || got.Size != 4 || got.Kept.IsZero() {
			t.Errorf("got %+v, kept %+v", got, kept)
		}
		for _, other := range []string{"bob", "an", "ana\x00k"} {
			if _, err := s.Get(ctx, other, "k007"); !errors.Is(err, data.ErrNotFound) {
				t.Errorf("%q sees it: %v", other, err)
			}
			if list, err := s.List(ctx, other, "", 10); err != nil || len(list) != 0 {
				t.Errorf("%q lists %v, %v", other, list, err)
			}
		}
		first, err := s.List(ctx, "ana", "", 290)
		must(t, err)
		rest, err := s.List(ctx, "ana", first[len(first)-1].Key, 290)
		must(t, err)
		if all := append(keys(first), keys(rest)...); len(all) != 300 || !slices.IsSorted(all) || len(rest) != 10 {
			t.Errorf("%d listed, then %d", len(first), len(rest))
		}
		must(t, s.Delete(ctx, "ana", "k007"))
		if err := s.Delete(ctx, "ana", "k007"); !errors.Is(err, data.ErrNotFound) {
			t.Errorf("removed twice: %v", err)
		}
	})
}

// TestExpiry: an item ends by the store's clock, whether it is removed yet or not,
// and not when it was kept anew meanwhile.
func TestExpiry(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, st *later) {
		s, ctx := data.New(st), t.Context()
		for _, key := range []string{"gone", "anew", "longer"} {
			_, err := s.Put(ctx, "ana", key, key, 1, time.Minute)
			must(t, err)
		}
		_, err := s.Put(ctx, "ana", "anew", "anew", 1, 0)
		must(t, err)
		_, err = s.Put(ctx, "ana", "longer", "longer", 1, time.Hour)
		must(t, err)
		st.by = 2 * time.Minute
		if _, err := s.Get(ctx, "ana", "gone"); !errors.Is(err, data.ErrNotFound) {
			t.Errorf("it has ended: %v", err)
		}
		if err := s.Delete(ctx, "ana", "gone"); !errors.Is(err, data.ErrNotFound) {
			t.Errorf("removed after its end: %v", err)
		}
		list, err := s.List(ctx, "ana", "", 10)
		must(t, err)
		if got := strings.Join(keys(list), " "); got != "anew longer" {
			t.Errorf("listed: %s", got)
		}
		for _, want := range []int{1, 0} {
			if n, err := s.Expire(ctx); err != nil || n != want {
				t.Errorf("removed %d, %v, want %d", n, err, want)
			}
		}
		var named []string
		must(t, s.Every(ctx, func(user string, i data.Item) error {
			named = append(named, user+" "+i.Key)
			return nil
		}))
		if got := strings.Join(named, ", "); got != "ana anew, ana longer" {
			t.Errorf("every: %s", got)
		}
	})
}

func TestWhatCannotBeKept(t *testing.T) {
	t.Parallel()
	st, err := localstore.OpenMemory()
	must(t, err)
	t.Cleanup(func() { must(t, st.Close()) })
	s := data.New(st)
	for _, key := range []string{"", strings.Repeat("k", 256), "a\nb", "a\x00b", "a\x1bb", "\xff", "a\u202eb"} {
		if _, err := s.Put(t.Context(), "ana", key, "x", 1, 0); !errors.Is(err, data.ErrInvalid) {
			t.Errorf("%q: %v", key, err)
		}
	}
	for _, during := range []time.Duration{-time.Second, data.MaxTime + 1} {
		if _, err := s.Put(t.Context(), "ana", "k", "x", 1, during); !errors.Is(err, data.ErrInvalid) {
			t.Errorf("%v: %v", during, err)
		}
	}
}
