// Package history checks what clients of the scheduler were answered. Several
// agents and users submit, claim, start, finish, release, renew, cancel,
// requeue and read at once, on a real Redis and on the embedded store, while
// answers get lost, calls are repeated, delayed or never arrive, connections
// are cut, processes of one name replace each other and agents fall silent.
// Each call is recorded with when it was made, when it was answered, and what.
// Porcupine then looks for an order in which one job, and one device, of a
// small sequential model could have given these answers; if there is none, the
// history is not linearizable and the test fails with it.
//
// It stands beside the scheduler, not in e2e: only here does one process see
// every call and its answer on one clock, and only here can a transition be
// broken on purpose, to show that the check finds it. scheduler/sim explores
// the same transitions in every order, one step at a time; here they truly run
// at once, on the stores that are used.
//
// What the model takes from the jobs' last records, and not from answers: which
// fence a claim got whose answer was lost, and which attempts were ended by
// others than their agent. All else must follow from the calls.
package history
