package gpu

import (
	"slices"
	"strings"
)

// simPrefix begins the UUID of every simulated device, and of no other.
const simPrefix = "SIM-"

// IsSimulated reports whether a UUID is that of a simulated device, so that one
// is labelled also where nothing else is known of it, as in a job's history.
func IsSimulated(uuid string) bool { return strings.HasPrefix(uuid, simPrefix) }

// AnySimulated reports whether one of the devices with these UUIDs is simulated.
func AnySimulated(uuids []string) bool { return slices.ContainsFunc(uuids, IsSimulated) }

// Simulated reports whether the device computes nothing: its provider made it up.
func (d *Device) Simulated() bool { return d.Kind == KindSim || IsSimulated(d.UUID) }
