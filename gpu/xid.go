package gpu

import "fmt"

// Blame says whose fault an Xid is.
type Blame string

// The blames.
const (
	BlameNobody Blame = ""       // it concerns other devices, or hurts no job
	BlameJob    Blame = "job"    // the application's
	BlameDevice Blame = "device" // the card's, or the driver's
)

// xid is what a number of the catalogue means for us.
type xid struct {
	means string
	blame Blame
	cure  Cure // of a sick device; CureNone: it is not sick
	warn  bool
}

// xids are the numbers that we know. Every other one makes a device sick.
var xids = map[int]xid{
	13:  {"an exception in the program", BlameJob, CureNone, false},
	31:  {"the program used memory that it does not have", BlameJob, CureNone, false},
	43:  {"the program's work was stopped", BlameJob, CureNone, false},
	45:  {"the program's work was removed", BlameJob, CureNone, false},
	68:  {"an exception in the video decoder", BlameJob, CureNone, false},
	94:  {"a memory error hurt one program only", BlameJob, CureNone, true},
	63:  {"a row of memory is to be replaced", BlameNobody, CureNone, true},
	92:  {"many memory errors were corrected", BlameNobody, CureNone, true},
	48:  {"a memory error that could not be corrected", BlameDevice, CureReset, false},
	64:  {"a row of memory could not be replaced", BlameDevice, CureReset, false},
	74:  {"an NVLink failed", BlameDevice, CureReset, false},
	79:  {"the GPU fell off the bus", BlameDevice, CureBoot, false},
	95:  {"a memory error hurt everything on it", BlameDevice, CureReset, false},
	109: {"it did not switch to other work in time", BlameDevice, CureReset, false},
	119: {"its firmware did not answer in time", BlameDevice, CureReset, false},
	120: {"its firmware failed", BlameDevice, CureReset, false},
	140: {"memory errors that could not be corrected", BlameDevice, CureReset, false},
	143: {"it could not be started", BlameDevice, CureReset, false},
}

// XidWords names an Xid for people, as "Xid 79 (the GPU fell off the bus)".
func XidWords(number int) string {
	x, known := xids[number]
	if !known {
		return fmt.Sprintf("Xid %d", number)
	}
	return fmt.Sprintf("Xid %d (%s)", number, x.means)
}

// Event folds in an event that concerns the device (Event.Concerns), and says
// whose fault it is: a job's that ran there then, or the device's.
func (h Health) Event(e Event, c Clock) (Health, Blame) {
	if e.Xid == 0 {
		return h, BlameNobody
	}
	x, known := xids[e.Xid]
	if !known {
		x = xid{"an error that is not in our table", BlameDevice, CureReset, false}
	}
	h.Xid, h.Well = e.Xid, 0
	words := fmt.Sprintf("Xid %d: %s", e.Xid, x.means)
	if x.warn {
		h = h.warn(words, c)
	}
	if x.cure != CureNone {
		h = h.sicken(words, x.cure, c)
	}
	return h, x.blame
}

// Concerns reports whether the event is about the device: about the GPU, or the
// GPU that it is a slice of, and about all its slices or this one. An event whose
// GPU could not be told concerns none: one sick GPU never takes its host along,
// and the next looks find it.
func (e Event) Concerns(d *Device) bool {
	if e.UUID == "" || e.UUID != d.UUID && e.UUID != d.Parent {
		return false
	}
	return !d.Slice() || (e.GI < 0 || e.GI == d.GI) && (e.CI < 0 || e.CI == d.CI)
}
