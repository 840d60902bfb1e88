package scheduler_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler"
)

// trial is a test whose failure is what is wanted.
type trial struct {
	testing.TB
	failed chan struct{} // closed at the first failure
}

func (t *trial) Fatal(args ...any)                 { t.FailNow() }
func (t *trial) Fatalf(format string, args ...any) { t.FailNow() }
func (t *trial) Error(args ...any)                 { t.fail() }
func (t *trial) Errorf(format string, args ...any) { t.fail() }
func (t *trial) FailNow()                          { t.fail(); runtime.Goexit() }

func (t *trial) fail() {
	select {
	case <-t.failed:
	default:
		close(t.failed)
	}
}

// tried lives with the agent's rule, and gives an error where that fails.
func tried(t *testing.T, redis *redistest.Server, rule string) error {
	attempt, over := &trial{t, make(chan struct{})}, make(chan struct{})
	server := asUser(t, redis, ofPage(t, "mlq"))
	go func() {
		defer close(over)
		agent := asUser(attempt, redis, rule)
		live(server.within(attempt), agent, func() { redis.Say(attempt, "SCRIPT FLUSH") })
	}()
	select {
	case <-over:
	case <-time.After(time.Minute):
		return errors.New("it hangs")
	}
	select {
	case <-attempt.failed:
		return errors.New("it failed")
	default:
		return nil
	}
}

// within is the same world, whose failures are another test's.
func (w *world) within(t testing.TB) *world {
	other := *w
	other.TB = t
	return &other
}

// spared are rights without which the connection is worse, and the life goes on.
var spared = map[string]string{
	"+unsubscribe": "the connection of all watches would be given up with each that ends",
	"+ping":        "a subscribed connection that is silent for 5 s would be given up each time",
}

// TestAgentMayNoMoreThanItMust: with each single right taken from the rule of
// the agent's user its life fails, and Redis has refused something.
func TestAgentMayNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	whole := ofPage(t, "mlq-agent")
	for _, right := range strings.Fields(whole)[1:] {
		if !strings.ContainsRune("+~&%", rune(right[0])) {
			continue
		}
		t.Run(right, func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t)
			rule := strings.TrimSpace(strings.Replace(whole+" ", " "+right+" ", " ", 1))
			if err := tried(t, redis, rule); err == nil && spared[right] == "" {
				t.Errorf("an agent lives without %s", right)
			}
			worldOn(t, nil, scheduler.DefaultTiming()).until("Redis refuses something", func() bool {
				return redis.Say(t, "ACL LOG") != "*0"
			})
		})
	}
}
