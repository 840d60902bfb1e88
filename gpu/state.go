package gpu

// State is what Decide says of a device.
type State string

// The states of a device. Only a free device may be leased.
const (
	Unknown  State = "unknown"  // no data, or stale data
	Free     State = "free"     // clean, healthy, nobody's
	Leased   State = "leased"   // held by a lease of ours
	Foreign  State = "foreign"  // used by somebody whom we did not start
	Clearing State = "clearing" // between a lease's end and free
	Sick     State = "sick"     // broken as far as the driver can tell
	Drained  State = "drained"  // closed by an admin
)
