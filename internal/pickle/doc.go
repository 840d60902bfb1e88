// Package pickle reads the name of a function out of its pickle, as cloudpickle and
// pickle write it, without running anything of it: no name is looked up, nothing is
// called, and no object is made but what the name may follow from.
//
// It walks over the opcodes of protocols 0 to 5 (Python's pickletools has them) with a
// stack and a memo as an unpickler has, on which stands what kind of thing each object is.
package pickle

import (
	"errors"
	"fmt"
)

// MaxObjects is how many objects a pickle may have on the stack and in its memo.
const MaxObjects = 1 << 18

var (
	// ErrInvalid: the bytes are not a whole pickle.
	ErrInvalid = errors.New("not a pickle")
	// ErrNotFunction: a whole pickle of something that cannot be called.
	ErrNotFunction = errors.New("not a function")
	// ErrNoName: something that may well be called, and does not say its name.
	ErrNoName = errors.New("no name")
)

// FunctionName is the name of the function that was pickled, its __name__: by value,
// as cloudpickle sends what is written in a notebook or a script, or by reference,
// which is a module and a name in it. The errors wrap those of this package.
func FunctionName(b []byte) (string, error) {
	m := machine{in: input{b: b}, memo: make(map[uint64]value)}
	top, err := m.run()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nameOf(top)
}
