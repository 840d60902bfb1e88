// Package fuzzseed lets an ordinary run of the tests fuzz a little: each seed of a target
// is tried changed in a few ways too. Go's own fuzzer learns from what the code does, but
// needs a build of its own for every target, which takes minutes for all of them.
package fuzzseed

import (
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// changed is how many changed ones there are of each seed.
const changed = 20

// Variable is what repeats a run: MLQ_FUZZ_SEED, a number that a failing run printed.
const Variable = "MLQ_FUZZ_SEED"

// Adder adds seeds to one target.
type Adder struct {
	f      *testing.F
	random *rand.Rand
}

// For is the adder of a target. In a run of Go's fuzzer it adds the seeds alone.
func For(f *testing.F) *Adder {
	f.Helper()
	if flag.Lookup("test.fuzz").Value.String() != "" {
		return &Adder{f: f}
	}
	seed, err := strconv.ParseUint(os.Getenv(Variable), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	f.Logf("%s=%d", Variable, seed)
	return &Adder{f, rand.New(rand.NewPCG(seed, 0))}
}

// Add is testing.F's Add, with changed ones beside the seed.
func (a *Adder) Add(args ...any) {
	a.f.Helper()
	a.f.Add(args...)
	if a.random == nil {
		return
	}
	for range changed {
		other := slices.Clone(args)
		i := a.random.IntN(len(other))
		other[i] = a.change(other[i])
		a.f.Add(other...)
	}
}

// change gives another value of the same type.
func (a *Adder) change(value any) any {
	switch v := value.(type) {
	case []byte:
		return a.bytes(v)
	case string:
		return string(a.bytes([]byte(v)))
	case bool:
		return !v
	case byte:
		return byte(a.random.Uint32())
	case int:
		return pick(a.random, -1, 0, 1, v-1, v+1, 1<<31, -1<<63, 1<<63-1)
	case uint64:
		return pick(a.random, 0, v-1, v+1, 1<<63, 1<<64-1)
	}
	return value
}

// nasty are bytes that mean something to one parser or another.
var nasty = []string{
	"\x00", "\n", "\r\n", "\"", "\\", "{", "}", "[", "]", ":", ",", "%", "/", "..", "-", "-1", "0", "9223372036854775808", "1e309", "null",
	"\xff", "\u202e", "\x1b[31m", "\\u0000", "é", "$", "*", "=", "&", ";", " ", "_",
}

// bytes cuts, repeats, flips, or puts something in, up to four times.
func (a *Adder) bytes(old []byte) []byte {
	b := slices.Clone(old)
	for range 1 + a.random.IntN(4) {
		at := a.random.IntN(len(b) + 1)
		to := min(len(b), at+1+a.random.IntN(8))
		switch a.random.IntN(5) {
		case 0:
			b = slices.Delete(b, at, to)
		case 1:
			b = slices.Insert(b, at, slices.Clone(b[at:to])...)
		case 2:
			b = b[:at]
		case 3:
			b = slices.Insert(b, at, []byte(pick(a.random, nasty...))...)
		default:
			for i := at; i < min(to, at+1); i++ {
				b[i] ^= 1 << a.random.IntN(8)
			}
		}
	}
	return b
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }
