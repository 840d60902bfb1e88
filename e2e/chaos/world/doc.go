// Package world sets up what a chaos run shakes: a Redis with a replica under
// three Sentinels, three servers, three agents with four devices each, and a
// fault proxy on every link between them.
//
// Every process is held by its pid and may be killed, stopped, continued and
// started again by whoever runs the faults; Heal puts everything right. Nothing
// here knows what a fault of the table is, nor what a job should do: those are
// e2e/chaos/nemesis and e2e/chaos/workload.
package world
