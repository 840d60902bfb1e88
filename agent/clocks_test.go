package agent_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/scheduler"
)

// A host whose clock is an hour off says so at its start and to who lists the
// hosts; its jobs run.
func TestClockOneHourOff(t *testing.T) { bothWays(t, 1, testClockOneHourOff) }

func testClockOneHourOff(t *testing.T, w *world) {
	var log lines
	h := w.start("h1", "cpu:1", func(o *agent.Options) {
		o.Clock = func() time.Time { return time.Now().Add(time.Hour) }
		o.Log = zerolog.New(&log)
	})
	if text := log.text(); !strings.Contains(text, `"clock":"1h0m0s ahead"`) || !strings.Contains(text, "leases are not harmed") ||
		strings.Index(text, "1h0m0s ahead") > strings.Index(text, `"message":"joined"`) {
		t.Errorf("at its start the agent says %s", text)
	}
	ahead := func() (d time.Duration) {
		hosts, err := w.sched.Hosts(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		return hosts[0].ClockAhead
	}
	w.until("the host's clock to be told", func() bool { return ahead() == time.Hour }, func() string { return ahead().String() })
	w.awaitState(w.submit(call("def f(msg):\n    return 1", nil)), scheduler.Succeeded)
	if err := h.end(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.text(), "leases are not harmed"); n != 1 {
		t.Errorf("told %d times", n)
	}

	h.ended = make(chan error, 1)
	h.run(nil) // its clock was set right
	w.until("the host's clock to be told right", func() bool { return ahead() == 0 }, func() string { return ahead().String() })
}

// lines is a log that is read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
