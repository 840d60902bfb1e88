package agent

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

func TestNextLook(t *testing.T) {
	const now = time.Hour
	at := func(ago time.Duration, s gpu.Sample) gpu.Sample { s.At = now - ago; return s }
	clean := gpu.Sample{}
	busy := gpu.Sample{Processes: []gpu.Process{{PID: 1, Started: 5}}}
	dying := gpu.Sample{Processes: []gpu.Process{{PID: 1}}}
	full := gpu.Sample{Used: 8 << 30}
	seen := func(s ...gpu.Sample) []gpu.Sample { return s }
	card := gpu.Device{Kind: gpu.KindGPU}
	for _, tt := range []struct {
		name string
		d    gpu.Device
		e    gpu.Evidence
		want time.Duration
	}{
		{"not looked at", card, gpu.Evidence{}, lookEvery},
		{"free", card, gpu.Evidence{Samples: seen(at(2*time.Second, clean), clean)}, lookEvery},
		{"clean once", card, gpu.Evidence{Samples: seen(at(0, clean))}, settleEvery},
		{"clean once, and closed", card, gpu.Evidence{Samples: seen(at(0, clean)), Drained: "ana"}, lookEvery},
		{"a CPU slot", gpu.Device{Kind: gpu.KindCPU}, gpu.Evidence{Samples: seen(at(0, clean))}, lookEvery},
		{"no answer", card, gpu.Evidence{Samples: seen(at(0, gpu.Sample{Fault: gpu.FaultDown}))}, lookEvery},
		{"under a lease", card, gpu.Evidence{Samples: seen(at(0, busy)), Lease: &gpu.Holding{}}, lookEvery},
		{"foreign", card, gpu.Evidence{Samples: seen(at(2*time.Second, clean), at(0, busy))}, lookEvery},
		{"just left", card, gpu.Evidence{Samples: seen(at(2*time.Second, busy), at(0, clean))}, settleEvery},
		{"just left, looked at on demand", card, gpu.Evidence{Samples: seen(at(time.Second, busy), at(5*time.Millisecond, clean), at(0, clean))}, settleEvery},
		{"memory of nobody", card, gpu.Evidence{Samples: seen(at(2*time.Second, full), at(0, full))}, lookEvery},
		{"ended now", card, gpu.Evidence{Samples: seen(at(time.Second, busy)), Ended: now}, clearEvery},
		{"ended a second ago", card, gpu.Evidence{Samples: seen(at(0, dying)), Ended: now - time.Second}, time.Second / 4},
		{"memory, a second after the end", card, gpu.Evidence{Samples: seen(at(0, full)), Ended: now - time.Second}, time.Second / 4},
		{"ended, and not told yet", card, gpu.Evidence{Samples: seen(at(0, dying)), Ended: now - time.Second, Lease: &gpu.Holding{}}, time.Second / 4},
		{"told after long, clean once", card, gpu.Evidence{Samples: seen(at(time.Second, dying), at(0, clean)), Ended: now - 10*time.Second, Lease: &gpu.Holding{}}, settleEvery},
		{"clean, and not told yet", card, gpu.Evidence{Samples: seen(at(0, clean)), Ended: now - time.Second, Lease: &gpu.Holding{}}, lookEvery},
		{"ended 20 s ago", card, gpu.Evidence{Samples: seen(at(0, full)), Ended: now - 20*time.Second}, clearMost},
		{"an orphan", card, gpu.Evidence{Samples: seen(at(0, full)), Ended: now - time.Minute}, lookEvery},
		{"an orphan that went", card, gpu.Evidence{Samples: seen(at(time.Second, dying), at(0, clean)), Ended: now - time.Minute}, settleEvery},
	} {
		if got := nextLook(tt.d, tt.e, now); got != tt.want {
			t.Errorf("%s: in %v, want %v", tt.name, got, tt.want)
		}
	}
}

// What a lease left costs some dozens of looks, not thousands.
func TestLooksAtWhatIsLeftAreFew(t *testing.T) {
	e := gpu.Evidence{Ended: time.Hour, Samples: []gpu.Sample{{At: time.Hour + 1, Used: 8 << 30}}}
	looks := 0
	for now := e.Ended; now < e.Ended+gpu.ClearWithin; looks++ {
		now += nextLook(gpu.Device{Kind: gpu.KindGPU}, e, now)
		e.Samples[0].At = now
	}
	if looks < 20 || looks > 60 {
		t.Errorf("%d looks until it is an orphan", looks)
	}
}
