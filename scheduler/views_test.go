package scheduler_test

import (
	"slices"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// TestViews: of the agents that list a card, the one that has it or may take it is
// believed, and only two machines that are both heard of are believed both.
func TestViews(t *testing.T) {
	t.Parallel()
	now := time.Now()
	// agent lists one card.
	agent := func(name, boot string, state gpu.State) scheduler.Host {
		return scheduler.Host{LeaseUntil: now.Add(time.Minute), Inventory: scheduler.Inventory{
			Host: name, BootID: boot, Devices: []scheduler.DeviceReport{{Device: gpu.Device{UUID: "GPU-a"}, State: state}},
		}}
	}
	silent := func(h scheduler.Host) scheduler.Host { h.LeaseUntil = now.Add(-time.Second); return h }
	drained := func(h scheduler.Host) scheduler.Host { h.Drained = true; return h }
	of := func(host string) []scheduler.Lease {
		return []scheduler.Lease{{Host: host, Devices: []string{"GPU-a"}}}
	}
	for name, c := range map[string]struct {
		hosts  []scheduler.Host
		leases []scheduler.Lease
		shown  []string
	}{
		"one":                     {[]scheduler.Host{agent("a", "1", gpu.Free)}, nil, []string{"a"}},
		"both may take it":        {[]scheduler.Host{agent("a", "1", gpu.Free), agent("a@0", "1", gpu.Free)}, nil, []string{"a"}},
		"names say nothing":       {[]scheduler.Host{agent("all", "1", gpu.Foreign), agent("one", "1", gpu.Free)}, nil, []string{"one"}},
		"its lease":               {[]scheduler.Host{agent("a", "1", gpu.Foreign), agent("a@0", "1", gpu.Leased)}, of("a@0"), []string{"a@0"}},
		"a lease not reported":    {[]scheduler.Host{agent("a", "1", gpu.Free), agent("a@0", "1", gpu.Free)}, of("a@0"), []string{"a@0"}},
		"a lease of a silent one": {[]scheduler.Host{agent("a", "1", gpu.Foreign), silent(agent("a@0", "1", gpu.Leased))}, of("a@0"), []string{"a@0"}},
		"its end not cleared":     {[]scheduler.Host{agent("a", "1", gpu.Foreign), agent("a@0", "1", gpu.Clearing)}, nil, []string{"a@0"}},
		"closed for one":          {[]scheduler.Host{drained(agent("a", "1", gpu.Free)), agent("a@0", "1", gpu.Free)}, nil, []string{"a@0"}},
		"one cannot see":          {[]scheduler.Host{agent("a", "1", gpu.Unknown), agent("a@0", "1", gpu.Sick)}, nil, []string{"a@0"}},
		"the card has moved":      {[]scheduler.Host{silent(agent("a", "1", gpu.Free)), agent("b", "2", gpu.Foreign)}, nil, []string{"b"}},
		"both are silent":         {[]scheduler.Host{silent(agent("a", "1", gpu.Sick)), silent(agent("b", "2", gpu.Free))}, nil, []string{"b"}},
		"two machines":            {[]scheduler.Host{agent("a", "1", gpu.Free), agent("b", "2", gpu.Free)}, nil, []string{"a", "b"}},
		"no boot is no machine":   {[]scheduler.Host{agent("a", "", gpu.Free), agent("b", "", gpu.Free)}, nil, []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := scheduler.ViewsOf(c.hosts, c.leases, now)
			var shown []string
			for _, h := range c.hosts {
				if v.Shows(h.Host, "GPU-a") {
					shown = append(shown, h.Host)
				}
				if others := v.Beside(h.Host, "GPU-a"); len(others) != len(c.hosts)-1 || slices.Contains(others, h.Host) {
					t.Errorf("beside %s are %q", h.Host, others)
				}
			}
			if agents := v.Agents("GPU-a"); len(agents) != len(c.hosts) || agents[0] != c.shown[0] {
				t.Errorf("an order would go to %q", agents)
			}
			if !slices.Equal(shown, c.shown) {
				t.Errorf("shown as told by %q, want %q", shown, c.shown)
			}
		})
	}
}
