//go:build !mlq_next_slot

package slot

// Protocol numbers the messages between agent and slot, and the journal. It grows
// with a change that the other end, of another build, could not leave unread; what
// every protocol keeps is in docs/slot.md. A slot from before the number says 0.
const Protocol = 1
