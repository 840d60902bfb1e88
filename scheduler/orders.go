package scheduler

import "time"

// Orders are what admins said of a host's devices, beside drains, for its agent
// to act on. The keys are UUIDs.
type Orders struct {
	// Number grows with each change, 0 where there was none. The agent's inventory
	// says up to which it has obeyed (Inventory.Obeyed).
	Number uint64
	// Tolerate is how much memory processes of others may have on a device
	// without making it foreign; bytes.
	Tolerate map[string]int64
	// Resets says when an admin last said that a device is well again. An agent
	// obeys each once: it notes the time that it has obeyed.
	Resets map[string]time.Time
	// Detached says who took the driver away from the agent, and why; "" names
	// the whole host.
	Detached map[string]string
}
