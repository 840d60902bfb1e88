package probe

import (
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// TestOneDeviceHangs: it alone has no answer, whoever asks again is told at
// once, the child stays, and the device answers when it can.
func TestOneDeviceHangs(t *testing.T) {
	s := twoGPUs
	s.Hang = []string{"GPU-1"}
	w := newWorld(t, s, Options{})
	w.devices()
	if got := w.sample("GPU-1"); got.Fault != gpu.FaultTimeout || !strings.Contains(got.Err, "no answer within 500ms") {
		t.Errorf("the first one: %+v", got)
	}
	before := time.Now()
	if got := w.sample("GPU-1"); got.Fault != gpu.FaultTimeout || !strings.Contains(got.Err, "still waiting") || time.Since(before) > 250*time.Millisecond {
		t.Errorf("the second one, after %v: %+v", time.Since(before), got)
	}
	said := w.sample("GPU-1").Err // the same words as long as it hangs
	for until := time.Now().Add(3 * time.Second); time.Now().Before(until); {
		if got := w.sample("GPU-2"); got.Fault != gpu.FaultNone {
			t.Fatalf("its neighbour: %+v", got)
		}
	}
	if got := w.sample("GPU-1"); got.Fault != gpu.FaultTimeout || got.Err != said {
		t.Errorf("after a while: %+v", got)
	}
	w.write(twoGPUs)
	w.answers("GPU-1")
	if len(w.pids()) != 1 {
		t.Errorf("%d children", len(w.pids()))
	}
}

// TestLateForOthers: who comes when a question is as good as late is told so when
// it is, and does not wait for as long again.
func TestLateForOthers(t *testing.T) {
	c, l, within := newCalls(), lane{callSample, "GPU-1"}, 10*time.Second
	other, _ := c.enter(l)
	other.sent = other.sent.Add(20*time.Millisecond - within)
	before := time.Now()
	_, err := c.turn(t.Context(), l, within, nil)
	if err == nil || !strings.Contains(err.Error(), "still waiting") || time.Since(before) > within/2 {
		t.Errorf("after %v: %v", time.Since(before), err)
	}
}

// TestTakesTurns: who asks about a device while somebody else does gets a look
// that began later than his question.
func TestTakesTurns(t *testing.T) {
	w := newWorld(t, twoGPUs, Options{})
	w.devices()
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if got := w.sample("GPU-1"); got.Fault != gpu.FaultNone {
				t.Errorf("%+v", got)
			}
		})
	}
	all.Wait()
	if len(w.pids()) != 1 {
		t.Errorf("it was asked twice at once: %s", w.log.text())
	}
}

// TestEverythingHangs: the child is replaced; one that is stopped can do nothing
// about it.
func TestEverythingHangs(t *testing.T) {
	w := newWorld(t, twoGPUs, Options{})
	want := w.devices()
	if err := syscall.Kill(w.pids()[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if got := w.sample("GPU-2"); got.Fault != gpu.FaultTimeout {
		t.Errorf("%+v", got)
	}
	eventually(t, "another child", func() bool { return len(w.pids()) == 2 })
	w.answers("GPU-2")
	if got := w.devices(); !reflect.DeepEqual(got, want) {
		t.Errorf("the devices are %+v", got)
	}
	if said := w.log.text(); !strings.Contains(said, "no question was answered for 1s") {
		t.Errorf("the log says\n%s", said)
	}
	if got := w.Info(); got.Generation != 7 || got.Problem != "" {
		t.Errorf("the driver is the same, and %+v", got)
	}
}
