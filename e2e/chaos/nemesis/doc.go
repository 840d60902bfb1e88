// Package nemesis breaks what runs in a world: it has the table of faults, F1 to
// F40, draws from it, breaks at most three things at once, mends each after a
// while and all at the end, and writes down what it did.
//
// What it draws comes from its seed: which fault, on what, for how long. When it
// happens is the clock's, and what it meets depends on it, so that a seed
// repeats the faults and not the run.
package nemesis
