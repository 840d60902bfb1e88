package slot_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/boottime"
	"github.com/mlq-dev/mlq/internal/lockfile"
	"github.com/mlq-dev/mlq/scheduler"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// bench is a slot process with an agent's end, in folders of its own.
type bench struct {
	t       testing.TB
	dir     string
	options slot.Options
	client  *slot.Client
	fence   uint64
	seen    []slot.Event
}

// newBench starts a slot; change may alter its options before.
func newBench(t testing.TB, change ...func(*slot.Options)) *bench {
	t.Helper()
	dir := t.TempDir()
	o := slot.DefaultOptions()
	o.Device = "CPU-" + filepath.Base(dir)
	o.Dir, o.Spool, o.Runner = filepath.Join(dir, "slot"), filepath.Join(dir, "spool"), runnerDir
	for _, f := range change {
		f(&o)
	}
	b := &bench{t: t, dir: dir, options: o, fence: uint64(time.Now().UnixMicro())}
	b.start()
	t.Cleanup(b.stop)
	return b
}

// fences makes the fences of a test binary differ, as claims do.
var fences atomic.Uint64

func (b *bench) start() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	if b.client, err = slot.Start(ctx, []string{self, asSlot}, b.options); err != nil {
		b.t.Fatal(err, b.slotLog())
	}
}

// reconnect takes the place of the agent that was there.
func (b *bench) reconnect() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	if b.client, err = slot.Connect(ctx, b.options.Dir); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) stop() {
	pid := b.client.State().PID
	b.client.Close()
	if b.t.Failed() {
		b.t.Log("slot.log: ", b.slotLog())
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		b.t.Error(err)
	}
}

func (b *bench) slotLog() string {
	data, err := os.ReadFile(filepath.Join(b.options.Dir, "slot.log"))
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// lease makes a grant with its job's folder, and the lock of its device.
func (b *bench) lease(change ...func(*slot.Grant)) (slot.Grant, *lockfile.Lock) {
	b.t.Helper()
	n := fences.Add(1)
	g := slot.Grant{
		Job: scheduler.JobID(n), Attempt: 1, Fence: b.fence + n,
		Devices: []slot.Device{{UUID: b.options.Device, Kind: gpu.KindCPU}},
		Python:  python, Environment: "default",
		JobDir:   filepath.Join(b.dir, "jobs", "job"),
		Grace:    5 * time.Second,
		Deadline: boottime.Now() + time.Hour,
		URL:      "http://127.0.0.1:1", Token: "attempt-token",
	}
	for _, f := range change {
		f(&g)
	}
	if err := os.MkdirAll(g.JobDir, 0o700); err != nil {
		b.t.Fatal(err)
	}
	lock, err := lockfile.Acquire(b.lockPath())
	if err != nil {
		b.t.Fatal(err)
	}
	return g, lock
}

func (b *bench) lockPath() string { return filepath.Join(b.dir, b.options.Device+".lock") }

// grant sends a grant and waits for its process.
func (b *bench) grant(change ...func(*slot.Grant)) slot.Grant {
	b.t.Helper()
	g, lock := b.lease(change...)
	b.send(g, lock)
	b.await(slot.EventForked)
	return g
}

func (b *bench) send(g slot.Grant, lock *lockfile.Lock) {
	b.t.Helper()
	if err := b.client.Grant(g, []*os.File{lock.File()}); err != nil {
		b.t.Fatal(err)
	}
	if err := lock.Close(); err != nil {
		b.t.Fatal(err)
	}
}

// await returns the next event of that kind; others are kept in seen.
func (b *bench) await(kind slot.EventKind) slot.Event {
	b.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case e, ok := <-b.client.Events():
			if !ok {
				b.t.Fatalf("connection ended while waiting for %s: %v\n%s", kind, b.client.Err(), b.slotLog())
			}
			b.seen = append(b.seen, e)
			if e.Kind == kind {
				return e
			}
			if e.Kind == slot.EventError || e.Kind == slot.EventEnded {
				b.t.Fatalf("waiting for %s, got %s %s %+v", kind, e.Kind, e.Detail, e.Ended)
			}
		case <-timer.C:
			b.t.Fatalf("no %s in time\n%s", kind, b.slotLog())
		}
	}
}

// run grants, hands over and waits for the end.
func (b *bench) run(call *os.File, change ...func(*slot.Grant)) *slot.Ended {
	b.t.Helper()
	g := b.grant(change...)
	b.begin(g, call)
	return b.await(slot.EventEnded).Ended
}

func (b *bench) begin(g slot.Grant, call *os.File) {
	b.t.Helper()
	if err := b.client.Go(g.Ref(), call); err != nil {
		b.t.Fatal(err)
	}
	call.Close()
}

// done makes the slot forget, so that it takes the next grant.
func (b *bench) done(g slot.Grant) {
	b.t.Helper()
	if err := b.client.Done(g.Ref()); err != nil {
		b.t.Fatal(err)
	}
}

// eventually polls a condition that no event tells.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	end := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(end) {
			t.Fatal("not in time: ", what)
		}
		<-ticker.C
	}
}

// free reports whether the device's lock can be had.
func (b *bench) free() bool {
	lock, err := lockfile.Acquire(b.lockPath())
	if err != nil {
		return false
	}
	return lock.Close() == nil
}

func processLives(pid int) bool {
	data, err := os.ReadFile(filepath.Join("/proc", itoa(pid), "stat"))
	return err == nil && !strings.Contains(string(data), ") Z ")
}
