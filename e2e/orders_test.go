package e2e

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api/agentclient"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// obedient is the agent of a host gpu9 with a sick GPU, played by the test: it
// renews, and while obeys is set does what it is ordered.
type obedient struct {
	*agentclient.Scheduler
	obeys atomic.Bool
	inv   scheduler.Inventory
	epoch uint64
}

func (l *lab) obedient() *obedient {
	l.t.Helper()
	o := &obedient{Scheduler: agentclient.New(agentclient.Options{
		Server: l.servers[0].url, Token: l.admin, Host: "gpu9", HTTP: http.DefaultClient, Timing: scheduler.DefaultTiming().Scale(10),
	})}
	o.inv = scheduler.Inventory{Host: "gpu9", BootID: "b", Version: "test", GPU: gpu.Info{Driver: "580"}, Devices: []scheduler.DeviceReport{
		{Device: gpu.Device{UUID: "GPU-9a", Kind: gpu.KindGPU, Memory: 80 << 30}, State: gpu.Sick, Reason: "Xid 79", Health: gpu.Health{Sick: "Xid 79", Cure: gpu.CureReset}},
		{Device: gpu.Device{UUID: "GPU-9b", Index: 1, Kind: gpu.KindGPU, Memory: 80 << 30}, State: gpu.Free},
	}}
	joined, err := o.Join(l.t.Context(), o.inv, nil, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	o.epoch = joined.Epoch
	ctx, cancel := context.WithCancel(l.t.Context())
	var done sync.WaitGroup
	done.Go(func() { o.live(ctx, l.t) })
	l.t.Cleanup(func() { cancel(); done.Wait() })
	return o
}

func (o *obedient) live(ctx context.Context, t *testing.T) {
	for tick := time.NewTicker(100 * time.Millisecond); ctx.Err() == nil; {
		if _, err := o.Renew(ctx, "gpu9", o.epoch, nil); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		if err := o.obey(ctx); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

func (o *obedient) obey(ctx context.Context) error {
	orders, err := o.Orders(ctx, "gpu9")
	if err != nil || !o.obeys.Load() || orders.Number == o.inv.Obeyed {
		return err
	}
	o.inv.Obeyed, o.inv.GPU.Detached = orders.Number, len(orders.Detached) > 0
	sick := &o.inv.Devices[0]
	if !orders.Resets["GPU-9a"].IsZero() {
		sick.State, sick.Reason, sick.Health = gpu.Free, "", gpu.Health{}
	}
	o.inv.Devices[1].Tolerated = orders.Tolerate["GPU-9b"]
	return o.Report(ctx, "gpu9", o.epoch, o.inv)
}

// TestGPUOrders: the command waits until the agent has obeyed, and then says what
// the host says; where it does not obey, the command fails and the order stands.
func TestGPUOrders(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1)
	agent := l.obedient()
	agent.obeys.Store(true)
	for _, c := range []struct{ args, want string }{
		{"gpu reset-health gpu9:0 --reason tested", "GPU-9a is well again; it is free"},
		{"gpu detach gpu9:1", "gpu9 has let go of the driver; the other 1 device of it get no job either; when you are done: mlq gpu attach GPU-9b"},
		{"gpu attach gpu9", "gpu9 has the driver again: 2 free"},
		{"gpu tolerate GPU-9b 500MiB", "GPU-9b: others may have 500 MiB of it"},
		{"gpu tolerate GPU-9b --undo", "GPU-9b: others may have no memory of it"},
	} {
		if got := strings.TrimSpace(l.mlq(strings.Fields(c.args)...)); got != c.want {
			t.Errorf("mlq %s: %q, want %q", c.args, got, c.want)
		}
	}
	for args, want := range map[string]string{
		"gpu reset-health gpu9:0":         "device is not sick: its agent says that it is free",
		"gpu reset-health gpu9":           "gpu9 is a host; this is about one device",
		"gpu detach gpu1":                 "CPU slots have no driver",
		"gpu detach gpu7":                 `there is no host or device "gpu7"`,
		"gpu tolerate GPU-9b 81GiB":       "want from 0 to the device's 81920 MiB",
		"gpu tolerate GPU-9b lots":        `"lots" is no size`,
		"gpu detach gpu9 --reason a\x07b": "want at most 200 printable characters",
	} {
		if out, err := l.try(strings.Split(args, " ")...); err == nil || !strings.Contains(out+err.Error(), want) {
			t.Errorf("mlq %s: %v %q, want %q", args, err, out, want)
		}
	}
	agent.obeys.Store(false)
	if out, err := l.try("gpu", "detach", "gpu9"); err == nil || !strings.Contains(out+err.Error(), "gpu9: the agent has not obeyed within 20s") {
		t.Errorf("an agent that does not obey: %v %q", err, out)
	}
	if orders, err := agent.Orders(t.Context(), "gpu9"); err != nil || orders.Detached[""] == "" {
		t.Errorf("the order does not stand: %+v, %v", orders, err)
	}
}
