package gpu

import "testing"

func TestLearn(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		name   string
		known  int64
		sample Sample
		want   int64
	}{
		{"the first", 0, Sample{Used: 300 * mib}, 300 * mib},
		{"less", 300 * mib, Sample{Used: 200 * mib}, 200 * mib},
		{"more", 300 * mib, Sample{Used: 400 * mib}, 300 * mib},
		{"nothing in use", 300 * mib, Sample{}, 300 * mib},
		{"with a screen", 300 * mib, Sample{Used: 200 * mib, Processes: []Process{{PID: 1, Graphics: true}}}, 200 * mib},
		{"somebody computes", 300 * mib, Sample{Used: 200 * mib, Processes: []Process{{PID: 1}}}, 300 * mib},
		{"under a lease", 300 * mib, Sample{Used: 200 * mib, Leased: true}, 300 * mib},
		{"processes are not listed", 300 * mib, Sample{Used: 200 * mib, Unlisted: true}, 300 * mib},
		{"no answer", 300 * mib, Sample{Used: 200 * mib, Fault: FaultTimeout}, 300 * mib},
	} {
		if got := Learn(tt.known, tt.sample); got != tt.want {
			t.Errorf("%s: %d MiB, want %d", tt.name, got/mib, tt.want/mib)
		}
	}
}

func TestBaselineIsBounded(t *testing.T) {
	for _, tt := range []struct{ memory, learned, want int64 }{
		{80 << 30, 500 << 20, 500 << 20},
		{24 << 30, 9 << 30, 3 << 29},
		{200 << 30, 9 << 30, (200 << 30) / 100 * 3},
		{0, 9 << 30, 3 << 29},
	} {
		if d := (&Device{Memory: tt.memory}); d.baseline(tt.learned) != tt.want {
			t.Errorf("of %d: %d, want %d", tt.memory, d.baseline(tt.learned), tt.want)
		}
	}
}
