package crowd_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/bench/internal/crowd"
)

// TestCrowd: all connections are held at once, those that the server ends are
// not counted as open any more, and none is left at the end.
func TestCrowd(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ReadTimeout = 2 * time.Second
	srv.Start()
	defer srv.Close()
	addr := strings.TrimPrefix(srv.URL, "http://")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := crowd.Gather(ctx, addr, 1_200, crowd.Spread, []byte("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "), crowd.Trickle(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Leave()
	if c.Open() == 0 {
		t.Error("nobody is there")
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for c.Open() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%d slow senders are still served", c.Open())
		}
	}
	if !crowd.Spread(1_100).Equal(net.IPv4(127, 0, 3, 2)) {
		t.Error("all come from one address")
	}
}
