// Package record is what a chaos run writes down: JSON lines, each with its
// kind. Clients write what they asked and were answered, jobs write when they
// ran (the ground truth, from their own processes), the nemesis writes what it
// broke, and the world writes what was there at the end. e2e/chaos/check reads
// nothing else.
//
// All times are CLOCK_BOOTTIME in nanoseconds (internal/boottime.Now; in Python
// time.clock_gettime_ns(time.CLOCK_BOOTTIME)): one clock for all processes of
// the machine, which no fault sets. Only what the API tells of attempts keeps
// the store's time; World says how the two went together, and the intervals of the
// kind Clock by how much a fault had set the store's.
package record
