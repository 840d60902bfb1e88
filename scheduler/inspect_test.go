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
// runs is a line in its log, once, and so is its end: also where the Redis was weak
// at the start already, which is in no line, as whoever started the server was told.
func TestReconfiguredRedisIsLogged(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"strong": nil, "weak": {"--appendonly", "no", "--save", "3600 1"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t, args...)
			lines := inspectedLog(t, redis)
			for _, c := range [][3]string{
				{"CONFIG SET maxmemory-policy allkeys-lru", `"warn"`, "not as it should be"},
				{"CONFIG SET maxmemory-policy noeviction", `"info"`, "as it should be again"},
				{"REPLICAOF 127.0.0.1 1", `"error"`, "not as it should be"},
				{"REPLICAOF NO ONE", `"info"`, "as it should be again"},
			} {
				if got := redis.Say(t, c[0]); got != "+OK" {
					t.Fatal(got)
				}
				for lines.Scan() && !strings.Contains(lines.Text(), "the store is") {
				}
				what := "may evict keys"
				if strings.HasPrefix(c[0], "REPLICAOF") {
					what = "is a replica"
				}
				if line := lines.Text(); !strings.Contains(line, c[1]) || !strings.Contains(line, what) || !strings.Contains(line, c[2]) {
					t.Fatalf("after %s the log says %q, want %q at level %s of %q", c[0], line, c[2], c[1], what)
				}
			}
		})
	}
}

// inspectedLog are the lines of the log of a server on this Redis.
func inspectedLog(t *testing.T, redis *redistest.Server) *bufio.Scanner {
	t.Helper()
	st, err := redisstore.Open(t.Context(), redis.URL("n"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	worth, err := st.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	log, written := io.Pipe()
	s, err := scheduler.New(st, scheduler.Options{Timing: scheduler.DefaultTiming().Scale(200), Log: zerolog.New(written), Worth: worth})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx); written.Close() }()
	lines := bufio.NewScanner(log)
	t.Cleanup(func() {
		end()
		for lines.Scan() { // nobody may wait for us
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return lines
}
