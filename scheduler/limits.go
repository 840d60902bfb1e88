package scheduler

import (
	"context"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Limits are those of a user's that agents look at before each claim: servers
// write them, and a change holds for the jobs that wait already.
type Limits struct {
	MaxDevices int `json:"d,omitempty"` // held at once, over all hosts; 0: any number
}

// KeepLimits is the effect that keeps a user's limits. It needs no guard of its
// own: the record of the user, which is in the same commit, has one.
func KeepLimits(user string, l Limits) store.Effect {
	if l == (Limits{}) {
		return store.Delete(keyLimits(user))
	}
	return store.Put(keyLimits(user), encode(l))
}

// Load is what a user has in the queue and on devices now.
type Load struct {
	Waiting int64 // scheduled and queued jobs
	Held    int64 // devices
}

// Loads reads what each of these users has, in their order.
func (s *Scheduler) Loads(ctx context.Context, users []string) ([]Load, error) {
	var q store.Query
	for _, user := range users {
		q.Counters = append(q.Counters, keyWaiting(user), keyHeld(user))
	}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read what users hold: %w", err)
	}
	loads := make([]Load, len(users))
	for i := range users {
		loads[i] = Load{Waiting: a.Counters[2*i], Held: a.Counters[2*i+1]}
	}
	return loads, nil
}

// allowed reports whether the user of the entry may have it while they hold so many devices.
func (e *Entry) allowed(held int64) bool {
	return e.MaxDevices == 0 || held+int64(e.Devices) <= int64(e.MaxDevices)
}
