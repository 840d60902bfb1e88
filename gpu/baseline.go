package gpu

// What an idle device may have in use besides what applications have: at most
// this much, or this part of its memory, is ever taken for the driver's own. Idle
// cards of drivers that report with their reserve showed 100 to 1536 MiB
// (gpustat#130, #141, #168; NVIDIA's mock for the largest cards).
const (
	maxBaseline        = 3 << 29 // 1.5 GiB
	maxBaselinePercent = 3
)

// Learn gives what is known of a device's memory in use while nobody computes on
// it, after one more sample: the least that was seen without a process that
// computes. 0: nothing is known yet.
func Learn(baseline int64, s Sample) int64 {
	if s.fault() != FaultNone || s.Leased || s.Unlisted || s.Used <= 0 {
		return baseline
	}
	for _, p := range s.Processes {
		if !p.Graphics {
			return baseline
		}
	}
	if baseline == 0 {
		return s.Used
	}
	return min(baseline, s.Used)
}

// baseline is what counts of the learned one.
func (d *Device) baseline(learned int64) int64 {
	return min(learned, max(maxBaseline, d.Memory/100*maxBaselinePercent))
}
