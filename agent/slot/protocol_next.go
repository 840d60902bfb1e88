//go:build mlq_next_slot

package slot

// Protocol is that of a later build, for the tests of upgrades.
const Protocol = 2
