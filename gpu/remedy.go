package gpu

import (
	"fmt"
	"time"
)

// mends says for users what makes a sick device well.
var mends = map[Cure]string{
	CureReset: "needs a reset by an admin",
	CureBoot:  "needs a new boot of its host",
	CureClean: "well again when the driver has asked for nothing for 10 minutes",
}

// inWords is why a device is sick, since when, and what mends it.
func (h *Health) inWords() string {
	words := h.Sick
	if !h.Since.IsZero() {
		words += " (since " + h.Since.Format("2006-01-02 15:04 MST") + ")"
	}
	return words + "; " + mends[h.Cure]
}

// Remedy is what an admin does about a sick device of a host, as commands in the
// order in which they are given; nil for one that is well. A slice is reset with
// its GPU. Where the fault is still there, the next look finds it again.
func (h *Health) Remedy(host string, d *Device) []string {
	well := fmt.Sprintf("mlq gpu reset-health %s", d.UUID)
	switch {
	case h.Sick == "":
		return nil
	case h.Cure == CureBoot:
		return []string{"mlq drain " + host + " --wait", "on " + host + ": sudo reboot", "mlq drain " + host + " --undo"}
	case d.Kind == KindGPU || d.Kind == KindMIG:
		return []string{
			"mlq gpu detach " + host,
			fmt.Sprintf("on %s: sudo nvidia-smi --gpu-reset -i %s", host, d.resetName()),
			"mlq gpu attach " + host,
			well,
		}
	}
	return []string{well}
}

// resetName is the name under which nvidia-smi finds the GPU, whatever its index is now.
func (d *Device) resetName() string {
	switch {
	case d.Parent != "":
		return d.Parent
	case d.PCI != "":
		return d.PCI
	}
	return d.UUID
}

// Lasting is how long the driver has said that a sick device is well, and for how
// long it has to; 0, 0 where that does not count.
func (h *Health) Lasting(now time.Duration) (well, wanted time.Duration) {
	if h.Sick == "" || h.Well == 0 {
		return 0, 0
	}
	return max(now-h.Well, 0), WellFor
}
