// Package scheduler is the vocabulary and the decisions of MLQ: what a job is,
// who may run it where, and when that right ends. There is no Redis, no HTTP
// and no GPU library in it.
//
// Authority: the store's records. A transition is a pure function of what was
// read, what is asked and the store's time; its answer is a commit (if nothing
// that I read has changed, then all of this) or a refusal in words. The
// Scheduler reads, asks the transition, commits, and starts over on a conflict.
//
// Time: the store's clock decides. An agent's clock only makes it give up
// earlier: it believes in its leases from the sending of the last renewal that
// succeeded, and has killed what it runs before the store lets others have it
// (Timing).
//
// Failures: any process may die between any two steps. Every commit may be
// repeated; the fence of a lease keeps a late attempt from writing over its
// successor, the epoch of an agent keeps its predecessor from claiming.
// docs/protocol.md has the promises and the table of transitions.
package scheduler
