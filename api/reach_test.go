package api_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// twice is a world in which the agents node1 and node1@0 list the same two cards, and
// only the first knows that GPU-1 is sick.
func twice(t *testing.T) (w *world, other scheduler.Inventory) {
	t.Helper()
	w = cards(t)
	other = w.inv
	other.Host, other.Devices = "node1@0", []scheduler.DeviceReport{w.inv.Devices[0], w.inv.Devices[1]}
	other.Devices[1].State, other.Devices[1].Health = gpu.Free, gpu.Health{}
	w.joinWith(other)
	return w, other
}

// joinWith has an agent join, or join again, with what it offers.
func (w *world) joinWith(inv scheduler.Inventory) {
	w.Helper()
	_, err := w.sched.Join(w.Context(), inv, nil, nil)
	must(w, err)
}

// standing are the orders and drains of an agent in words.
func (w *world) standing(agent string) string {
	w.Helper()
	orders, err := w.sched.Orders(w.Context(), agent)
	must(w, err)
	hosts, err := w.sched.Hosts(w.Context())
	must(w, err)
	for _, h := range hosts {
		if h.Host == agent {
			return fmt.Sprint(orders.Tolerate, orders.Detached, h.DrainedDevices, len(h.Deadlines))
		}
	}
	return "no such agent"
}

// comes is a store on which an agent joins just before a record is written for the first time.
type comes struct {
	store.Store

	key  string
	join atomic.Pointer[func()]
}

func (s *comes) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	if slices.ContainsFunc(c.Effects, func(e store.Effect) bool { return e.Key == s.key }) {
		if join := s.join.Swap(nil); join != nil {
			(*join)()
		}
	}
	return s.Store.Commit(ctx, c)
}

// TestDrainReachesWhoComes: an agent that comes to list a device while that is closed.
func TestDrainReachesWhoComes(t *testing.T) {
	t.Parallel()
	mem, err := localstore.OpenMemory()
	must(t, err)
	t.Cleanup(func() { _ = mem.Close() })
	blobs, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = blobs.Close() })
	st := &comes{Store: mem, key: "agent:drain:node1"}
	w := worldOn(t, st, blobs)
	w.join()
	w.inv.Devices = []scheduler.DeviceReport{{Device: gpu.Device{UUID: "GPU-0", Kind: gpu.KindGPU, Memory: 80 << 30}, State: gpu.Free}}
	w.report()
	other := w.inv
	other.Host = "node1@0"
	join := func() { w.joinWith(other) }
	st.join.Store(&join)
	uuid := w.inv.Devices[0].UUID
	var drained api.Drained
	w.ok(w.do(w.admin, "POST", "/gpus/"+uuid+"/drain?reason=fan", nil), 200, &drained)
	if got, want := w.standing("node1@0"), "map[] map[] map["+uuid+":root: fan] 0"; got != want || fmt.Sprint(drained.AlsoOn) != "[node1@0]" {
		t.Errorf("it has %s, want %s; answered %+v", got, want, drained)
	}
}

// TestOrdersReachEveryAgent: one that is not told might lease what was closed, or
// have the driver open while the card is reset.
func TestOrdersReachEveryAgent(t *testing.T) {
	t.Parallel()
	w, _ := twice(t)
	var drained api.Drained
	w.ok(w.do(w.admin, "POST", "/gpus/GPU-0/drain?deadline=2h&reason=fan", nil), 200, &drained)
	if diff := cmp.Diff([]string{"node1@0"}, drained.AlsoOn); drained.Host != "node1" || diff != "" {
		t.Errorf("answered %+v", drained)
	}
	given := map[string]api.Ordered{}
	for _, name := range []string{"tolerate?memory=1GiB", "detach?reason=fan"} {
		var done api.Ordered
		w.ok(w.do(w.admin, "POST", "/gpus/GPU-0/"+name, nil), 200, &done)
		given[name] = done
	}
	for _, agent := range []string{"node1", "node1@0"} {
		if got, want := w.standing(agent), "map[GPU-0:1073741824] map[GPU-0:root: fan] map[GPU-0:root: fan] 1"; got != want {
			t.Errorf("%s has %s, want %s", agent, got, want)
		}
	}
	orders, err := w.sched.Orders(t.Context(), "node1@0")
	must(t, err)
	if diff := cmp.Diff([]api.OrderedToo{{Host: "node1@0", Number: orders.Number}}, given["detach?reason=fan"].Also); diff != "" {
		t.Errorf("the other agent's number: %s", diff)
	}
	for _, name := range []string{"undrain", "untolerate", "attach"} {
		w.ok(w.do(w.admin, "POST", "/gpus/GPU-0/"+name, nil), 200, nil)
	}
	for _, agent := range []string{"node1", "node1@0"} {
		if got := w.standing(agent); got != "map[] map[] map[] 0" {
			t.Errorf("after it was taken back, %s has %s", agent, got)
		}
	}
}

// TestResetWhereItIsSick: the agent that has the card well says nothing against it.
func TestResetWhereItIsSick(t *testing.T) {
	t.Parallel()
	w, _ := twice(t)
	var done api.Ordered
	w.ok(w.do(w.admin, "POST", "/gpus/GPU-1/reset-health", nil), 200, &done)
	if done.Host != "node1" || len(done.Also) > 0 {
		t.Errorf("answered %+v", done)
	}
	w.refused(w.do(w.admin, "POST", "/gpus/GPU-0/reset-health", nil), 409, "not-sick") // both say so
}

// TestTakenBackThoughGone: what stands of a device that is not there any more can be
// taken back, and nothing else be ordered of it.
func TestTakenBackThoughGone(t *testing.T) {
	t.Parallel()
	w, other := twice(t)
	for _, name := range []string{"drain", "tolerate?memory=1GiB", "detach"} {
		w.ok(w.do(w.admin, "POST", "/gpus/GPU-0/"+name, nil), 200, nil)
	}
	w.inv.Devices = w.inv.Devices[1:]
	w.report()
	other.Devices = other.Devices[1:]
	w.joinWith(other)
	for _, name := range []string{"drain", "tolerate?memory=1GiB", "detach", "reset-health"} {
		w.refused(w.do(w.admin, "POST", "/gpus/GPU-0/"+name, nil), 404, "unknown-device")
	}
	for _, name := range []string{"undrain", "untolerate", "attach"} {
		w.ok(w.do(w.admin, "POST", "/gpus/GPU-0/"+name, nil), 200, nil)
	}
	for _, agent := range []string{"node1", "node1@0"} {
		if got := w.standing(agent); got != "map[] map[] map[] 0" {
			t.Errorf("after it was taken back, %s has %s", agent, got)
		}
	}
	w.refused(w.do(w.admin, "POST", "/gpus/GPU-0/undrain", nil), 404, "unknown-device")
}
