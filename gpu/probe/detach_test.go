package probe

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/gpu"
)

// TestDetach: the child is gone when it returns, all is down, and Attach brings it back.
func TestDetach(t *testing.T) {
	w := newWorld(t, twoGPUs, Options{})
	want := len(w.devices())
	if err := w.Detach(); err != nil {
		t.Fatal(err)
	}
	if alive(w.pids()[0]) {
		t.Error("the child lives")
	}
	if got := w.sample("GPU-1"); got.Fault != gpu.FaultDown || !strings.Contains(got.Err, "mlq gpu attach") {
		t.Errorf("detached: %+v", got)
	}
	if got := w.Info(); !got.Detached || got.Problem == "" || got.Driver != "580.95.05" {
		t.Errorf("detached: %+v", got)
	}
	if devices, err := w.Devices(t.Context()); err == nil || len(devices) != want {
		t.Errorf("detached: %v, %v", devices, err)
	}
	if err := w.Detach(); err != nil {
		t.Errorf("twice: %v", err)
	}
	if err := w.Attach(); err != nil {
		t.Fatal(err)
	}
	w.answers("GPU-1")
	if got := w.Info(); got.Detached || got.Problem != "" || got.Generation != 7 {
		t.Errorf("attached: %+v", got)
	}
	if got := len(w.pids()); got != 2 {
		t.Errorf("%d children", got)
	}
}

// TestDetachForAMoment: an Attach that comes before anybody has seen the Detach
// has another child started, and asked.
func TestDetachForAMoment(t *testing.T) {
	opened, resume := make(chan struct{}), make(chan struct{})
	log := &logged{on: func(line []byte) {
		select {
		case <-opened:
		default:
			if bytes.Contains(line, []byte("driver answers")) {
				close(opened)
				<-resume
			}
		}
	}}
	w := newLoggedWorld(t, twoGPUs, Options{}, log)
	<-opened // and who keeps the child is held
	done := make(chan error, 1)
	go func() { done <- w.Detach() }()
	eventually(t, "it is detached", func() bool { return w.Info().Detached })
	if err := w.Attach(); err != nil {
		t.Fatal(err)
	}
	close(resume)
	w.answers("GPU-1")
	if err := <-done; err != nil {
		t.Error(err)
	}
}
