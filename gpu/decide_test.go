package gpu

import (
	"strings"
	"testing"
	"time"
)

func TestDecide(t *testing.T) {
	const now = time.Hour
	clean := Sample{At: now - time.Second}
	busy := Sample{At: now, Processes: []Process{{PID: 7, UID: 1000, Name: "python", Memory: 512 << 20}}}
	ours := &Holding{Job: 53}
	own := Sample{At: now, Processes: []Process{{PID: 7, Ours: true}}}

	tests := []struct {
		name   string
		given  Evidence
		state  State
		reason string // a part of it
	}{
		{"nothing seen", Evidence{}, Unknown, "not looked at"},
		{"clean", Evidence{Samples: []Sample{clean}}, Free, ""},
		{"just fresh enough", Evidence{Samples: []Sample{{At: now - FreshFor}}}, Free, ""},
		{"stale", Evidence{Samples: []Sample{{At: now - FreshFor - time.Second}}}, Unknown, "16s ago"},
		{"driver error", Evidence{Samples: []Sample{clean, {At: now, Err: "GPU is lost"}}}, Unknown, "GPU is lost"},
		{"error that passed", Evidence{Samples: []Sample{{At: now, Err: "timeout"}, clean}}, Free, ""},
		{"leased", Evidence{Samples: []Sample{own}, Lease: ours}, Leased, "job 53"},
		{"leased and shared", Evidence{Samples: []Sample{busy}, Lease: &Holding{Job: 53}}, Leased, "also used by process 7"},
		{"leased, no data", Evidence{Lease: ours}, Unknown, "not looked at"},
		{"leased while drained", Evidence{Samples: []Sample{clean}, Lease: ours, Drained: "ana"}, Leased, "job 53"},
		{"clearing", Evidence{Samples: []Sample{clean}, Clearing: true}, Clearing, "not gone"},
		{"clearing while drained", Evidence{Samples: []Sample{clean}, Clearing: true, Drained: "ana"}, Clearing, ""},
		{"drained", Evidence{Samples: []Sample{clean}, Drained: "ana: new fan"}, Drained, "ana: new fan"},
		{"drained and used", Evidence{Samples: []Sample{busy}, Drained: "ana"}, Drained, "ana"},
		{"foreign", Evidence{Samples: []Sample{clean, busy}}, Foreign, "process 7 (python) of user 1000 with 512 MiB"},
		{"locked", Evidence{Samples: []Sample{clean}, Locked: true}, Foreign, "lock file is held by another process"},
		{"locked by", Evidence{Samples: []Sample{clean}, Locked: true, LockedBy: "process 7 (train) of ana"}, Foreign, "held by process 7 (train) of ana"},
		{"foreign that left", Evidence{Samples: []Sample{busy, clean}}, Free, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Decide(Device{UUID: "GPU-1"}, tt.given, now)
			if got.State != tt.state || !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("got %s, %q; want %s, …%q…", got.State, got.Reason, tt.state, tt.reason)
			}
			if (got.State == Free) != (got.Reason == "") {
				t.Errorf("%s with reason %q", got.State, got.Reason)
			}
		})
	}
}
