package scheduler

import (
	"errors"
	"fmt"
	"time"
)

// Timing holds the times of the protocol (docs/protocol.md). One knob, Scale,
// divides all of them for tests.
type Timing struct {
	RenewEvery     time.Duration // heartbeat of an agent, ± 10 %
	RenewTry       time.Duration // one try of it
	Believe        time.Duration // the agent trusts its leases this long after sending a renew that succeeded
	Warn           time.Duration // without success: warn
	Term           time.Duration // … SIGTERM to the jobs
	Kill           time.Duration // … SIGKILL
	Empty          time.Duration // … the process trees must be gone
	Expire         time.Duration // the store lets others have the leases
	HoldOff        time.Duration // no old job is granted after the store's identity changed
	ReapEvery      time.Duration
	PromoteEvery   time.Duration
	CheckEvery     time.Duration
	PollMin        time.Duration // the agent's jittered poll of the queue
	PollMax        time.Duration
	IdempotencyTTL time.Duration
	GangWait       time.Duration // a head for several devices that waited this long is held for
	Avoid          time.Duration // first hold-off of a host that released a job, doubled each time
	BackoffMin     time.Duration // of the user's retries
	BackoffMax     time.Duration
	CallbackTry    time.Duration // one try to send a callback; a server has three times that for it
	CallbackPause  time.Duration // after the first try that failed, doubled each time
}

// DefaultTiming is the protocol's table of numbers.
func DefaultTiming() Timing {
	return Timing{
		RenewEvery: 5 * time.Second, RenewTry: 3 * time.Second,
		Believe: 60 * time.Second, Warn: 15 * time.Second, Term: 40 * time.Second,
		Kill: 50 * time.Second, Empty: 58 * time.Second, Expire: 75 * time.Second,
		HoldOff: 75 * time.Second, ReapEvery: 2 * time.Second, PromoteEvery: time.Second,
		CheckEvery: time.Minute, PollMin: time.Second, PollMax: 2 * time.Second,
		IdempotencyTTL: 24 * time.Hour, GangWait: 10 * time.Minute, Avoid: 30 * time.Second,
		BackoffMin: 10 * time.Second, BackoffMax: 10 * time.Minute,
		CallbackTry: 5 * time.Second, CallbackPause: 15 * time.Second,
	}
}

// Scale divides all times by n, for tests that run a life in a second.
func (t Timing) Scale(n int) Timing {
	for _, d := range t.all() {
		*d /= time.Duration(n)
	}
	return t
}

func (t *Timing) all() []*time.Duration {
	return []*time.Duration{
		&t.RenewEvery, &t.RenewTry, &t.Believe, &t.Warn, &t.Term, &t.Kill, &t.Empty, &t.Expire, &t.HoldOff,
		&t.ReapEvery, &t.PromoteEvery, &t.CheckEvery, &t.PollMin, &t.PollMax, &t.IdempotencyTTL, &t.GangWait,
		&t.Avoid, &t.BackoffMin, &t.BackoffMax, &t.CallbackTry, &t.CallbackPause,
	}
}

// Validate checks the relations on which the promises rest: an agent has
// stopped all it runs before it ceases to believe, and ceases to believe
// before the store lets others have its leases.
func (t Timing) Validate() error {
	for _, d := range t.all() {
		if *d <= 0 {
			return errors.New("every time must be above 0")
		}
	}
	order := []struct {
		name string
		d    time.Duration
	}{
		{"RenewEvery", t.RenewEvery},
		{"Warn", t.Warn},
		{"Term", t.Term},
		{"Kill", t.Kill},
		{"Empty", t.Empty},
		{"Believe", t.Believe},
		{"Expire", t.Expire},
	}
	for i := 1; i < len(order); i++ {
		if order[i-1].d >= order[i].d {
			return fmt.Errorf("%s (%s) must be below %s (%s)", order[i-1].name, order[i-1].d, order[i].name, order[i].d)
		}
	}
	if t.HoldOff < t.Expire {
		return fmt.Errorf("HoldOff (%s) must not be below Expire (%s)", t.HoldOff, t.Expire)
	}
	return nil
}
