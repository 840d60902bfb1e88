package scheduler

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

func TestWakeOrder(t *testing.T) {
	seen := pictureOf(fleetOf(time.Unix(1e9, 0), "big hh", "mixed hta", "small tt", "tiny t", "slots ss", "gone "))
	for _, c := range []struct {
		name, idle string
		need       Need
		devices    int
		want       string
	}{
		{"the small ones only", "big small mixed tiny", Need{GPUs: 1}, 1, "small mixed tiny"},
		{"larger ones where these are not enough", "big small", Need{GPUs: 1}, 3, "small big"},
		{"small ones are enough for three", "big small tiny", Need{GPUs: 1}, 3, "small tiny"},
		{"the smallest that fit", "big small mixed", Need{GPUs: 1, MemGiB: 40}, 1, "mixed"},
		{"two on one host", "tiny mixed small big", Need{GPUs: 2}, 2, "mixed small"},
		{"a GPU before a stand-in", "slots big", Need{GPUs: 1}, 1, "big"},
		{"slots for what needs no GPU", "slots big", Need{GPUs: 0}, 1, "slots"},
		{"who is not known comes last", "new small gone", Need{GPUs: 1}, 3, "small new gone"},
		{"nobody is known", "x y", Need{GPUs: 1}, 1, "x y"},
		{"nothing fits", "small tiny", Need{GPUs: 1, MemGiB: 80}, 1, "small tiny"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var idle [][]byte
			for name := range strings.FieldsSeq(c.idle) {
				idle = append(idle, idleMember(name))
			}
			var got []string
			for _, m := range seen.smallest(c.need, c.devices, idle) {
				got = append(got, idleHost(m))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}

// told is a store that notes who was woken.
type told struct {
	store.Store
	topics []string
}

func (s *told) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	for _, e := range c.Effects {
		if string(e.Value) == wakeQueue {
			s.topics = append(s.topics, e.Key)
		}
	}
	return s.Store.Commit(ctx, c)
}

// TestSubmitWakesTheSmall: of two idle hosts the one with the small card is told of a job for any.
func TestSubmitWakesTheSmall(t *testing.T) {
	st, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	s := &told{Store: st}
	sched, err := New(s, Options{Timing: DefaultTiming()})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range fleetOf(time.Now(), "a h", "b h", "c t", "d h") {
		if _, err := sched.Join(t.Context(), h.Inventory, nil, nil); err != nil {
			t.Fatal(err)
		}
		if err := sched.Idle(t.Context(), h.Host, true); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		mem  int64
		want []string
	}{{0, []string{"c"}}, {80 << 30, []string{"a", "b", "d"}}} {
		s.topics = nil
		sub := Submission{Media: MediaJSON, Body: []byte("{}"), Function: "f", Request: Request{GPUMem: c.mem}}
		if _, err := sched.Submit(t.Context(), Who{User: "ana"}, []Submission{sub}, ""); err != nil {
			t.Fatal(err)
		}
		if len(s.topics) == 0 || len(s.topics) > 2 {
			t.Fatalf("woken: %v", s.topics)
		}
		for _, topic := range s.topics {
			if !slices.Contains(c.want, strings.TrimPrefix(topic, topicWake(""))) {
				t.Errorf("for %d bytes %s was woken, want of %v", c.mem, topic, c.want)
			}
		}
	}
}
