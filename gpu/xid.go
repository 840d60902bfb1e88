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
//
// Source: NVIDIA's Xid catalogue for Ampere and newer
// (docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html, as of 29 October
// 2025), column "Resolution Bucket (Immediate Action)", which stands behind each
// line. Where we are stricter or milder than the catalogue, docs/gpus.md says why.
var xids = map[int]xid{
	13: {"an exception in the program", BlameJob, CureNone, false},                   // RESTART_APP
	31: {"the program used memory that it does not have", BlameJob, CureNone, false}, // RESTART_APP
	43: {"the program's work was stopped", BlameJob, CureNone, false},                // IGNORE
	45: {"the program's work was removed", BlameJob, CureNone, false},                // WORKFLOW_XID_45: follow the other Xid
	68: {"an exception in the video decoder", BlameJob, CureNone, false},             // RESTART_APP
	94: {"a memory error hurt one program only", BlameJob, CureNone, true},           // RESTART_APP

	63: {"a row of memory is to be replaced", BlameNobody, CureNone, true}, // IGNORE
	92: {"many memory errors were corrected", BlameNobody, CureNone, true}, // IGNORE
	// The driver asks for something else than before, or for nothing any more:
	// informational, the next look tells what.
	154: {"what the driver asks for has changed", BlameNobody, CureNone, false},

	48:  {"a memory error that could not be corrected", BlameDevice, CureReset, false}, // WORKFLOW_XID_48: reset
	64:  {"a row of memory could not be replaced", BlameDevice, CureReset, false},      // RESET_GPU
	74:  {"an NVLink failed", BlameDevice, CureReset, false},                           // WORKFLOW_NVLINK_ERR
	79:  {"the GPU fell off the bus", BlameDevice, CureBoot, false},                    // RESTART_BM: of the machine
	95:  {"a memory error hurt everything on it", BlameDevice, CureReset, false},       // RESET_GPU
	109: {"it did not switch to other work in time", BlameDevice, CureReset, false},    // RESET_GPU
	119: {"its firmware did not answer in time", BlameDevice, CureReset, false},        // RESET_GPU
	120: {"its firmware failed", BlameDevice, CureReset, false},                        // RESET_GPU
	140: {"memory errors that could not be corrected", BlameDevice, CureReset, false},  // RESET_GPU
	143: {"it could not be started", BlameDevice, CureReset, false},                    // RESET_GPU
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
// and the next looks find it. A slice whose instances could not be told (-1) may be any.
func (e Event) Concerns(d *Device) bool {
	if e.UUID == "" || e.UUID != d.UUID && e.UUID != d.Parent {
		return false
	}
	meant := func(id, own int) bool { return id < 0 || own < 0 || id == own }
	return !d.Slice() || meant(e.GI, d.GI) && meant(e.CI, d.CI)
}
