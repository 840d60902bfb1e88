package scheduler_test

import (
	"bufio"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// BenchmarkMemory reports what a queued job with 200 bytes of payload takes in
// Redis, all keys included.
func BenchmarkMemory(b *testing.B) {
	server := redistest.Start(b)
	st, err := redisstore.Open(b.Context(), server.URL("mlq"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { st.Close() })
	w := worldOn(b, st, scheduler.DefaultTiming())
	const jobs = 1 << 17
	fill := func(n int) {
		subs := make([]scheduler.Submission, n)
		for i := range subs {
			subs[i] = submission()
		}
		if _, err := w.s.Submit(w.ctx, scheduler.Who{User: "ana"}, subs, ""); err != nil {
			b.Fatal(err)
		}
	}
	fill(11_000) // so that the capped log of events is full
	before := usedMemory(b, server.Addr())
	for range jobs / 8192 {
		fill(8192)
	}
	b.ReportMetric(float64(usedMemory(b, server.Addr())-before)/jobs, "bytes/job")
}

// usedMemory asks a Redis server what its data takes.
func usedMemory(b *testing.B, addr string) int {
	b.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("INFO memory\r\n")); err != nil {
		b.Fatal(err)
	}
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if digits, found := strings.CutPrefix(lines.Text(), "used_memory:"); found {
			n, err := strconv.Atoi(strings.TrimSpace(digits))
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Fatal("the server does not say what it uses")
	return 0
}
