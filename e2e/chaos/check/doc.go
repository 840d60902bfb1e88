// Package check judges the record of a chaos run (e2e/chaos/record) by MLQ's
// promises. Each invariant is a pure function in a file of its own:
//
//	I1  a job has one live attempt at a time, and each has its lease
//	I2  a device has one job at a time
//	I3  each acknowledged submit ends in one final state, which stays
//	I4  the result is what the attempt that the job names as its winner returned
//	I5  fences grow, per job and per device
//	I6  nothing is left over: nothing to repair, no process, no lock
//	I7  a dead host's leases end in time
//	I8  what was not running when its cancel was acknowledged never starts
//	conservation  what is there was submitted, once; no id names two
//	after         a job that follows others waits for them, and fails with them
//	linearizable  what clients were answered about a job has an order that a job allows
//
// It allows what docs/protocol.md allows and no more: what a store acknowledged
// while it was losing writes (record.Loss), and the time that a host stood still
// (record.Pause). Times of the store are read by what its clock was set to when it had
// them (record.Clock).
package check
