package agent_test

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// A reset is obeyed once, also over a restart: a device that is found sick after
// it stays sick, and one that was found sick before stays so until it.
func TestHealthIsResetOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := newScripted(t, "GPU-A")
	h := w.start("h1", "", p.use)
	w.awaitDevice("h1", "GPU-A", gpu.Free)
	p.events <- gpu.Event{UUID: "GPU-A", GI: -1, CI: -1, Xid: 48}
	w.awaitDevice("h1", "GPU-A", gpu.Sick)
	h.again(p)
	w.awaitReason("h1", "GPU-A", "Xid 48")
	number, err := w.sched.ResetHealth(w.ctx, scheduler.Order{Host: "h1", Device: "GPU-A", By: "root"})
	if err != nil {
		t.Fatal(err)
	}
	w.awaitDevice("h1", "GPU-A", gpu.Free)
	w.awaitObeyed("h1", number)
	p.events <- gpu.Event{UUID: "GPU-A", GI: -1, CI: -1, Xid: 119}
	w.awaitDevice("h1", "GPU-A", gpu.Sick)
	h.again(p)
	w.awaitObeyed("h1", number)
	if d, _ := w.awaitDevice("h1", "GPU-A", gpu.Sick); d.Health.Xid != 119 {
		t.Errorf("after a second restart: %+v", d.Health)
	}
}

// again stops the agent and starts it anew on the same folder.
func (h *host) again(p *scripted) {
	h.w.t.Helper()
	h.againWith(p.use)
}

func (h *host) againWith(change func(*agent.Options)) {
	h.w.t.Helper()
	if err := h.end(); err != nil {
		h.w.t.Fatal(err)
	}
	h.ended = make(chan error, 1)
	h.run(change)
}

func (w *world) awaitObeyed(host string, number uint64) {
	w.t.Helper()
	var h scheduler.Host
	w.until("the orders to be obeyed", func() bool {
		_, h = w.inventory(host)
		return h.Obeyed >= number
	}, func() string { return strconv.FormatUint(h.Obeyed, 10) })
}

// The driver is let go of for an admin, also by an agent that starts meanwhile;
// what runs goes on, and afterwards the device is used again.
func TestDetachAndAttach(t *testing.T) { bothWays(t, 1, testDetach) }

func testDetach(t *testing.T, w *world) {
	p := newScripted(t, "GPU-A", "GPU-B")
	h := w.start("h1", "", p.use)
	g := w.openGate()
	pid := g.running(1)
	number, err := w.sched.Detach(w.ctx, scheduler.Order{Host: "h1", By: "root: new driver"})
	if err != nil {
		t.Fatal(err)
	}
	w.awaitObeyed("h1", number)
	for _, uuid := range []string{"GPU-A", "GPU-B"} {
		w.awaitReason("h1", uuid, "root: new driver")
	}
	if !p.Info().Detached {
		t.Error("the agent still has the driver")
	}
	p.change(func() { p.info.Detached, p.down = false, nil }) // as a process that starts anew
	h.again(p)
	w.awaitReason("h1", "GPU-B", "root: new driver")
	if !p.Info().Detached {
		t.Error("after a restart the agent has the driver")
	}
	g.open()
	if got := w.value(g.id); got != strconv.Itoa(pid) {
		t.Errorf("result of process %s, want %d", got, pid)
	}
	if _, err := w.sched.Attach(w.ctx, scheduler.Order{Host: "h1", By: "root"}); err != nil {
		t.Fatal(err)
	}
	w.awaitDevice("h1", "GPU-A", gpu.Free)
	w.awaitDevice("h1", "GPU-B", gpu.Free)
}

// A driver that was let go of half way is taken again, and one that does not let
// go is no reason to warn at each look at the orders, or not to start.
func TestDetachThatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := newScripted(t, "GPU-A")
	p.held = errors.New("a call to the driver has not ended")
	log := &said{}
	use := func(o *agent.Options) { o.Provider, o.Log = p, zerolog.New(log) }
	h := w.start("h1", "", use)
	w.awaitDevice("h1", "GPU-A", gpu.Free)
	if _, err := w.sched.Detach(w.ctx, scheduler.Order{Host: "h1", By: "root: new driver"}); err != nil {
		t.Fatal(err)
	}
	w.awaitReason("h1", "GPU-A", "root: new driver")
	warned := func() int { return log.count("cannot obey the orders") }
	w.until("a warning", func() bool { return warned() == 1 }, func() string { return fmt.Sprint(warned()) })
	if _, err := w.sched.Tolerate(w.ctx, scheduler.Order{Host: "h1", Device: "GPU-A", By: "root"}, 1<<20); err != nil {
		t.Fatal(err)
	}
	w.until("the other order to be obeyed", func() bool {
		all, _ := w.inventory("h1")
		return all["GPU-A"].Tolerated == 1<<20
	}, func() string { return "it is not" })
	p.change(func() {
		if warned() != 1 || p.detaches > 2 {
			t.Errorf("%d warnings, %d tries", warned(), p.detaches)
		}
	})
	if _, host := w.inventory("h1"); host.Obeyed != 0 {
		t.Errorf("obeyed %d, and the driver is not let go of", host.Obeyed)
	}
	h.againWith(use)
	w.awaitReason("h1", "GPU-A", "root: new driver")
	if _, err := w.sched.Attach(w.ctx, scheduler.Order{Host: "h1", By: "root"}); err != nil {
		t.Fatal(err)
	}
	w.awaitDevice("h1", "GPU-A", gpu.Free)
	w.runsOn("GPU-A")
}

// said is a log that a test reads. Safe for concurrent use.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(line)
}

func (s *said) count(words string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.text.String(), words)
}

// An admin tolerates what somebody has on a card, and takes it back.
func TestTolerated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := newScripted(t, "GPU-A")
	w.start("h1", "", p.use)
	p.used("GPU-A", gpu.Process{PID: 4711, Started: 9, UID: 1234, Name: "monitor", Memory: 300 << 20})
	w.awaitDevice("h1", "GPU-A", gpu.Foreign)
	if _, err := w.sched.Tolerate(w.ctx, scheduler.Order{Host: "h1", Device: "GPU-A", By: "root"}, 500<<20); err != nil {
		t.Fatal(err)
	}
	d, _ := w.awaitDevice("h1", "GPU-A", gpu.Free)
	if d.Tolerated != 500<<20 || len(d.Foreign) != 1 {
		t.Errorf("reported %+v", d)
	}
	w.runsOn("GPU-A")
	if _, err := w.sched.Tolerate(w.ctx, scheduler.Order{Host: "h1", Device: "GPU-A", By: "root"}, 0); err != nil {
		t.Fatal(err)
	}
	w.awaitDevice("h1", "GPU-A", gpu.Foreign)
}
