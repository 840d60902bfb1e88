//go:build race

package sim_test

// underRace: the explorer is one goroutine, in which the race detector finds
// nothing and takes ten times as long; `make test` runs it without as well, deeper.
const underRace = true
