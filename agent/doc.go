// Package agent is the daemon of a host: it claims jobs for free devices, has
// them run by the slots, keeps their leases alive and hands their results on.
//
// # Who decides what
//
// The store says who has a lease, gpu.Decide whether a device may be used, and
// scheduler.Pick what runs next. The agent carries between them. It has no
// state of its own that matters: what runs is in the slots, what is leased in
// the store, and a new agent process adopts the one and joins the other.
//
// # Loops
//
//	claim    notice, freed device, or poll → view → Pick → lock, sample → Claim → attempt
//	renew    one round trip for all leases; answers tell of cancels and lost leases
//	sample   looks at the devices; report tells the store what this host has
//	janitor  removes old job folders and payloads
//	link     one per slot: keeps the line up, hands events to attempts
//	attempt  one per lease: open → watch → deliver → settle (attempt.go)
//
// # Time
//
// The agent believes in its leases for Timing.Believe from the sending of the
// last renewal that succeeded, on CLOCK_BOOTTIME. Slots are told that deadline
// and enforce it by themselves; the agent only stops taking work when its
// belief grows old. A process that was stopped finds an old belief first, and
// renews before it does anything else.
//
// # Order that matters
//
//   - A device is locked and looked at before its job is claimed.
//   - Start is committed before the call is handed over.
//   - The slot reports an end when the processes are dead and the result is on
//     disk; the store is told next; only then does the slot forget it.
package agent
