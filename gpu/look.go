package gpu

import (
	"fmt"
	"time"
)

const remapPending = "a row of its memory is replaced at its next reset: reset it when it is idle"

// Look folds a sample in. What the driver did not answer because nothing of this
// device could be asked (a timeout, no driver, not listed) says nothing of its
// health, except that nobody called it well.
func (h Health) Look(s Sample, c Clock) Health {
	switch s.fault() {
	case FaultNone:
		return h.answered(s, c)
	case FaultLost:
		return h.sicken("the GPU fell off the bus", CureReset, c)
	case FaultReset:
		return h.sicken("the driver says that it has to be reset", CureReset, c)
	case FaultOther:
		return h.doubt(s, c)
	case FaultTimeout, FaultDown, FaultGone:
	}
	h.Well = 0
	return h
}

// doubt is an unexplained error. One may be a moment's, and so may several looks
// within a moment: a second one that is apart from the first makes a device sick.
func (h Health) doubt(s Sample, c Clock) Health {
	h.Well = 0
	switch {
	case h.Doubted == 0:
		h.Doubted = max(s.At, 1)
		return h
	case s.At-h.Doubted < Apart:
		return h
	}
	return h.sicken("the driver said twice in a row: "+s.Err, CureReset, c)
}

// answered takes the state that the driver tells as it is, and then asks whether
// it has been well for long enough.
func (h Health) answered(s Sample, c Clock) Health {
	h.Doubted = 0
	h = h.memory(s, c)
	switch {
	case s.RemapFailed:
		return h.sicken("a row of its memory is broken and cannot be replaced", CureReset, c)
	case s.Recovery != "":
		return h.sicken("the driver asks for: "+s.Recovery, CureClean, c)
	case h.Sick == "":
		return h
	}
	return h.mend(s, c)
}

// mend counts how long the driver has said that all is well. Only a driver that
// tells what a device needs can say so. Then its word also ends what was found
// before, except what needs a new boot.
func (h Health) mend(s Sample, c Clock) Health {
	if !s.RecoveryKnown || h.Cure == CureBoot {
		return h
	}
	h.Cure = CureClean
	if h.Well == 0 || h.Well > s.At || c.Looked == 0 || s.At-c.Looked > FreshFor {
		h.Well = max(s.At, 1)
		return h
	}
	if s.At-h.Well < WellFor {
		return h
	}
	healed := h.Reset()
	healed.Warning = h.Warning
	healed.Boot, healed.Generation = h.Boot, h.Generation
	return healed
}

// memory folds in what is a doubt only.
func (h Health) memory(s Sample, c Clock) Health {
	if s.RemapPending && h.Warning == "" {
		h = h.warn(remapPending, c)
	}
	if !s.RemapPending && h.Warning == remapPending {
		h.Warning = ""
	}
	if s.Uncorrected == nil {
		return h
	}
	if n := *s.Uncorrected - h.Uncorrected; n > 0 {
		h = h.warn(fmt.Sprintf("%d memory errors were not corrected, the last seen %s", *s.Uncorrected, wall(c).Format(time.DateTime)), c)
	}
	h.Uncorrected = *s.Uncorrected // it falls when the driver is loaded anew
	return h
}
