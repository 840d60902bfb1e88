package probe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// calls are the questions that are outstanding with one child: one at most of
// each kind and device.
type calls struct {
	mu       sync.Mutex
	last     uint64
	byID     map[uint64]*call
	byLane   map[lane]*call
	answered time.Time // when a sample was last answered
}

// lane is a question without its id: what there is one of at a time.
type lane struct{ call, uuid string }

type call struct {
	request

	sent   time.Time
	done   chan struct{} // closed when answer is there
	answer message
}

func newCalls() *calls {
	return &calls{byID: map[uint64]*call{}, byLane: map[lane]*call{}}
}

// lateError: the child has not answered in time.
type lateError struct{ words string }

func (e *lateError) Error() string { return e.words }

// enter makes a question outstanding, or gives the one that is in its way.
func (c *calls) enter(l lane) (mine, other *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.byLane[l]; other != nil {
		return nil, other
	}
	c.last++
	mine = &call{request: request{ID: c.last, Call: l.call, UUID: l.uuid}, sent: time.Now(), done: make(chan struct{})}
	c.byID[mine.ID], c.byLane[l] = mine, mine
	return mine, nil
}

// take notes an answer; late ones, for which nobody waits any more, too.
func (c *calls) take(m message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	answered := c.byID[m.ID]
	if answered == nil {
		return fmt.Errorf("an answer to question %d, which was not asked", m.ID)
	}
	delete(c.byID, m.ID)
	delete(c.byLane, lane{answered.Call, answered.UUID})
	if answered.Call == callSample {
		c.answered = time.Now()
	}
	answered.answer = m
	close(answered.done)
	return nil
}

// turn waits until a question may be asked: until the same one, asked by
// somebody else, has its answer, or is late.
func (c *calls) turn(ctx context.Context, l lane, within time.Duration, ended <-chan struct{}) (*call, error) {
	deadline := time.Now().Add(within)
	for {
		mine, other := c.enter(l)
		if mine != nil {
			return mine, nil
		}
		othersDeadline := other.sent.Add(within)
		switch now := time.Now(); {
		case !now.Before(othersDeadline): // words that stay the same: each change is news
			return nil, &lateError{"still waiting for an answer, since " + other.sent.UTC().Format("15:04:05 MST")}
		case !now.Before(deadline):
			return nil, noAnswer(within)
		}
		soonest := time.After(min(time.Until(deadline), time.Until(othersDeadline)))
		err := await(ctx, other.done, soonest, ended, within)
		if late := (*lateError)(nil); err != nil && !errors.As(err, &late) {
			return nil, err
		}
	}
}

func noAnswer(within time.Duration) error {
	return &lateError{"no answer within " + inSeconds(within)}
}

// await waits for an answer, at most until the deadline.
func await(ctx context.Context, done <-chan struct{}, deadline <-chan time.Time, ended <-chan struct{}, within time.Duration) error {
	select {
	case <-done:
		return nil
	case <-deadline:
		return noAnswer(within)
	case <-ended:
		return errEnded
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// hang reports whether nothing is answered any more: a question has waited so
// long, and no sample was answered since it was asked. Lists are no sign of
// life, because they can be told without asking any device.
func (c *calls) hang(now time.Time, t Times) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, waiting := range c.byID {
		limit := t.Hang
		if waiting.Call != callSample {
			limit += t.Ask
		}
		if now.Sub(waiting.sent) >= limit && c.answered.Before(waiting.sent) {
			return true
		}
	}
	return false
}

// inSeconds is a time as people read it.
func inSeconds(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
