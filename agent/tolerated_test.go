package agent

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// An order to tolerate is told as soon as it is obeyed, given and taken back, and
// once: another order of that host may still wait for something.
func TestAnOrderToTolerateIsNews(t *testing.T) {
	f := newFleet([]gpu.Device{{UUID: "A", Kind: gpu.KindGPU, Memory: 80 << 30}}, 1<<20, func() time.Duration { return time.Hour })
	news := func(tolerate map[string]int64) bool {
		f.obey(scheduler.Orders{Tolerate: tolerate})
		select {
		case <-f.news:
			return true
		default:
			return false
		}
	}
	news(nil) // that of a device which nobody has judged before
	given := map[string]int64{"A": 5 << 20}
	for i, step := range []struct {
		orders map[string]int64
		want   bool
	}{{nil, false}, {given, true}, {given, false}, {nil, true}, {nil, false}} {
		if got := news(step.orders); got != step.want {
			t.Errorf("step %d, %v: news %v", i, step.orders, got)
		}
	}
}
