package data_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api/data"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestDamaged: an item whose record cannot be read is told as such and listed, it keeps the name of its
// blob, ends in its time, and whoever keeps or deletes it mends it.
func TestDamaged(t *testing.T) {
	onBoth(t, func(t *testing.T, st *later) {
		s := data.New(st)
		sum := strings.Repeat("0a", 32)
		keep := func(key string, during time.Duration) {
			t.Helper()
			_, err := s.Put(t.Context(), "ana", key, sum, 3, during)
			must(t, err)
		}
		damage := func(key string) {
			t.Helper()
			at := "spec:datum:ana\x00" + key
			a, err := st.Read(t.Context(), store.Query{Keys: []string{at}})
			must(t, err)
			_, err = st.Commit(t.Context(), store.Commit{Identity: a.Identity, Effects: []store.Effect{
				store.Put(at, a.Records[0].Value[1:]), store.Index("spec:dataexpiry", []byte("00")), // of which the second is of no item
			}})
			must(t, err)
			if _, err := s.Get(t.Context(), "ana", key); !errors.Is(err, data.ErrDamaged) {
				t.Errorf("%s: %v", key, err)
			}
		}
		keep("b", 0)
		for key, mend := range map[string]func(key string){
			"kept anew": func(key string) { keep(key, 0) },
			"deleted":   func(key string) { must(t, s.Delete(t.Context(), "ana", key)) },
			"ended": func(string) {
				st.by += 2 * time.Hour
				_, err := s.Expire(t.Context())
				must(t, err)
			},
		} {
			keep(key, time.Hour)
			damage(key)
			list, err := s.List(t.Context(), "ana", "", 10)
			must(t, err)
			if i := len(list) - 1; i < 1 || list[0].Damaged || !list[i].Damaged || list[i].Key != key || !slices.Contains(list[i].Blobs(), sum) {
				t.Errorf("%s: the list is %+v", key, list)
			}
			mend(key)
			if _, err := s.Get(t.Context(), "ana", key); err != nil && !errors.Is(err, data.ErrNotFound) {
				t.Errorf("%s: %v", key, err)
			}
			if err := s.Delete(t.Context(), "ana", key); err != nil && !errors.Is(err, data.ErrNotFound) {
				t.Errorf("%s: %v", key, err)
			}
		}
		if list, err := s.List(t.Context(), "ana", "", 10); err != nil || len(list) != 1 || list[0].Key != "b" {
			t.Errorf("in the end: %+v, %v", list, err)
		}
	})
}
