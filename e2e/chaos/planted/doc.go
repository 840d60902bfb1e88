// Package planted shows that the checker of chaos runs bites. Each patch in
// ../testdata/planted takes one safeguard out of MLQ. A build that has them all,
// of which a variable chooses one, and the build that is shipped go through the
// same directed scenario, with real processes, Redis and a fault proxy: the one
// must break the promise that the safeguard is for, and no other, the other none.
//
// The shipped code has no hook for this: the patches are applied to copies, and
// built with go build -overlay. docs/reliability.md lists the bugs, also those
// that the exploration (scheduler/sim) finds instead.
package planted
