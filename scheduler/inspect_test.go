package scheduler_test

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// TestReconfiguredRedisIsLogged: what somebody makes of the Redis while a server
// runs is a line in its log, once, and so is the end of it.
func TestReconfiguredRedisIsLogged(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	st, err := redisstore.Open(t.Context(), redis.URL("n"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	log, written := io.Pipe()
	s, err := scheduler.New(st, scheduler.Options{Timing: scheduler.DefaultTiming().Scale(200), Log: zerolog.New(written)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx); written.Close() }()
	lines := bufio.NewScanner(log)
	for _, c := range [][2]string{
		{"CONFIG SET maxmemory-policy allkeys-lru", "may evict keys"},
		{"CONFIG SET maxmemory-policy noeviction", "as it should be again"},
	} {
		if got := redis.Say(t, c[0]); got != "+OK" {
			t.Fatal(got)
		}
		for lines.Scan() && !strings.Contains(lines.Text(), "the store is") {
		}
		if !strings.Contains(lines.Text(), c[1]) {
			t.Fatalf("after %s the log says %q, want %q", c[0], lines.Text(), c[1])
		}
	}
	end()
	for lines.Scan() { // nobody may wait for us
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
