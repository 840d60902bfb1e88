package agent

import (
	"slices"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// How soon a device is looked at again.
const (
	lookEvery = 2 * time.Second
	// settleEvery is the pause before the second of two clean looks.
	settleEvery = gpu.Apart + 10*time.Millisecond
	// clearEvery and clearMost are the shortest and the longest pause between two
	// looks at what a lease left, as long as that is no orphan: with ever longer
	// ones, some 60 looks in the 30 s.
	clearEvery = 10 * time.Millisecond
	clearMost  = time.Second
)

// nextLook is pure: when a device is looked at again. A device that another look
// like the last would make free gets it soon. What a lease left is looked at as
// often as a quarter of the time that it has been there, also while the store has
// not been told of the end yet. All else has its turn.
func nextLook(d gpu.Device, e gpu.Evidence, now time.Duration) time.Duration {
	last, looked := latest(e.Samples)
	if e.Ended != 0 {
		e.Lease, e.Clearing = nil, false
	}
	switch {
	case !looked || last.Fault != gpu.FaultNone || e.Lease != nil, gpu.Decide(d, e, now).State == gpu.Free:
		return lookEvery
	case freeIfAgain(d, e, now):
		return settleEvery
	case e.Ended != 0 && now-e.Ended <= gpu.ClearWithin:
		return clamp((now-e.Ended)/4, clearEvery, clearMost)
	}
	return lookEvery
}

// freeIfAgain reports whether one more look that finds the same makes the device free.
func freeIfAgain(d gpu.Device, e gpu.Evidence, now time.Duration) bool {
	again, _ := latest(e.Samples)
	again.At = now + settleEvery
	e.Samples = append(slices.Clone(e.Samples), again)
	return gpu.Decide(d, e, again.At).State == gpu.Free
}

func latest(samples []gpu.Sample) (gpu.Sample, bool) {
	if len(samples) == 0 {
		return gpu.Sample{}, false
	}
	return samples[len(samples)-1], true
}
