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
//	looks    one per device: looks at it, and waits for no other
//	devices  asks which devices there are; alone adds and removes devices and links
//	events   takes in what the driver tells unasked
//	locks    sees who else holds a device's lock; orders obeys the admins'
//	keep     writes what has to survive a restart; report tells the store the inventory
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
// # How the agent looks
//
// The fleet (fleet.go) is the one owner of what is known of the devices: facts
// under one mutex, which is taken last and under which nothing waits. Decide
// judges the facts whenever one changes, and whenever somebody asks.
//
//	every 2 s          each device on its own; a look has 3 s, at most two are under way
//	every 310 ms       a device that needs a second clean look
//	at once, then at   what a lease left, from the moment at which its processes are
//	¼ of its age       dead: 10 ms … 1 s, until it is free or, after 30 s, an orphan's
//	before a claim     under the lock, once more, for 1 s: a card that does not answer
//	                   is not claimed and holds up no other's jobs
//	every 60 s         the list of devices; at once after an event that says so, every
//	                   2 s while it cannot be had or a device is missing
//
// A process on a device is ours if it descends from the slot that holds the
// lease, by pid and start. A fault or an Xid under a lease becomes a note of the
// attempt, which is told with its end; it ends no job by itself. A device that
// two lists in a row lack is gone: its job is stopped and lost. A list that
// cannot be had changes nothing, and an agent that has no list yet waits for it.
//
// What survives a restart is in the data folder: devices.json (health, the last
// order obeyed) and host.json (the machine that the folder belongs to).
//
// # Order that matters
//
//   - A device is locked and looked at before its job is claimed.
//   - Start is committed before the call is handed over.
//   - The slot reports an end when the processes are dead and the result is on
//     disk; the store is told next; only then does the slot forget it.
package agent
