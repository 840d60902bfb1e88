// Package sim explores the scheduler's real transitions in small worlds with a
// clock of their own: every order of claims, starts, heartbeats, crashes, lost
// answers, delayed commits, reaps, cancels, failovers and jumps of the store's
// clock up to a depth, and
// random long lives for larger worlds. What the transitions promise is checked
// after every step.
//
// The store here is a third implementation of the contract, in memory and
// cloneable. The host's side is modelled: a slot ends its process when the
// belief in the lease ends, and a device's kernel lock is held while its
// process lives.
package sim
