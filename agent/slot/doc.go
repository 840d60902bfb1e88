// Package slot is the process that runs jobs on a device, and the agent's end
// of the line to it. docs/slot.md is its contract.
//
// One slot per device outlives its attempts and its agent. It is the parent
// (and, as a subreaper, the stepparent) of everything that a job starts, holds
// the kernel locks of the lease's devices from the grant to the clean end, and
// enforces the lease by itself: an agent that hangs or dies does not extend a
// deadline.
//
//	agent ──slot.sock──▶ slot ──socketpair──▶ warm Python ──fork──▶ waiting child
//	                      └──────socketpair─────────────────────────────┘
//
// A waiting child is a clean process, forked ahead of need (or, where a fork
// is not allowed, a spare interpreter started ahead): a grant makes it the
// job's, "go" hands it the call. It is used once.
//
// The attempt's life is attempt.run, one goroutine written from top to bottom:
// persist the grant → give the child its identity and limits → wait for go →
// hand the call over → wait for the end → kill what is left of the tree →
// spool the result → report. Everything that may stop it (cancel, revoke,
// time limit, deadline, a lost parent) arrives there as a stop.
package slot
