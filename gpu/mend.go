package gpu

import "fmt"

// inWords is why a device is sick, and since when: in UTC, for who reads it may be in
// another zone than the host.
func (h *Health) inWords() string {
	if h.Since.IsZero() {
		return h.Sick
	}
	return h.Sick + " (since " + h.Since.UTC().Format("2006-01-02 15:04 MST") + ")"
}

// Mend says in one sentence what an admin does about a sick device, with the
// commands in their order; "" for one that is well. Where the fault is still
// there, the next look finds it again.
func (h *Health) Mend(d *Device) string {
	byHand := "mlq gpu reset-health " + d.UUID
	reset := fmt.Sprintf("mlq gpu detach %[1]s, on its host nvidia-smi --gpu-reset -i %[2]s, mlq gpu attach %[1]s", d.UUID, d.card())
	switch {
	case h.Sick == "":
		return ""
	case h.Cure == CureBoot:
		return "a new boot of its host; or, if the card was mended in another way, " + byHand
	case h.Cure == CureClean && d.Simulated():
		return "the simulated driver asking for nothing for ten minutes, or " + byHand
	case h.Cure == CureClean:
		return "what the driver asks for, mostly a reset: " + reset + "; it is well once the driver has asked for nothing for ten minutes, or after " + byHand
	case d.Kind == KindGPU || d.Kind == KindMIG:
		return "a reset: " + reset + ", " + byHand + "; or a new boot, or the driver loaded anew"
	}
	return byHand
}

// card is the name under which nvidia-smi finds the card, whatever its index is now:
// of a slice that of its GPU, which is reset as a whole.
func (d *Device) card() string {
	switch {
	case d.Parent != "":
		return d.Parent
	case d.PCI != "":
		return d.PCI
	}
	return d.UUID
}
