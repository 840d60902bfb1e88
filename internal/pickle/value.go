package pickle

import (
	"fmt"
	"strings"
)

// value is what is known of an object: one of mark, thing, text, global, tuple,
// *dict and *object.
type value any

type (
	mark  struct{}
	thing uint8  // of this kind, and nothing else is known
	text  string // cut at maxText
	// global is looked up in a module.
	global struct{ module, name string }
	// tuple has up to maxTuple items, of which none is deeper than a tuple of others.
	tuple []value
	// dict keeps the name that a function's state has in it.
	dict struct{ name string }
	// object is what a call gave.
	object struct {
		function bool
		name     string
	}
)

const (
	number thing = iota
	raw
	list
	set
	none
	longTuple
	something // of which not even the kind is known
)

var inWords = [...]string{"a number", "bytes", "a list", "a set", "None", "a tuple", "something"}

// Bounds of what is remembered of one object.
const (
	maxText  = 256
	maxTuple = 4
)

// newTuple remembers what calls of interest have as their arguments.
func newTuple(items []value) value {
	if len(items) > maxTuple {
		return longTuple
	}
	t := make(tuple, len(items))
	for i, item := range items {
		if inner, is := item.(tuple); is && inner.nested() {
			item = longTuple
		}
		t[i] = item
	}
	return t
}

func (t tuple) nested() bool {
	for _, item := range t {
		if _, is := item.(tuple); is {
			return true
		}
	}
	return false
}

func newText(b []byte) value {
	return text(b[:min(len(b), maxText)])
}

// nameOf is the answer about what a pickle holds.
func nameOf(v value) (string, error) {
	switch v := v.(type) {
	case global:
		return v.name[strings.LastIndexByte(v.name, '.')+1:], nil
	case *object:
		if v.name != "" {
			return v.name, nil
		}
		return "", fmt.Errorf("%w: it is an object that does not say it", ErrNoName)
	case thing:
		if v != something {
			return "", fmt.Errorf("%w but %s", ErrNotFunction, inWords[v])
		}
		return "", fmt.Errorf("%w: it is an object that does not say it", ErrNoName)
	case text:
		return "", fmt.Errorf("%w but a text", ErrNotFunction)
	case tuple:
		return "", fmt.Errorf("%w but a tuple", ErrNotFunction)
	case *dict:
		return "", fmt.Errorf("%w but a dict", ErrNotFunction)
	}
	return "", fmt.Errorf("%w: it ends in the middle of a list", ErrInvalid)
}

// call is what calling f with these arguments gives, and what it does to them. Nothing
// is called: this is what cloudpickle's and pickle's own reducers are known to do.
func call(f, args value) value {
	argv, _ := args.(tuple)
	switch f := f.(type) {
	case global:
		switch {
		case strings.HasPrefix(f.module, "cloudpickle"):
			return f.cloudpickles(argv)
		case f == global{"_codecs", "encode"}: // bytes, before protocol 3
			return raw
		case f.module == "builtins" || f.module == "__builtin__":
			return f.builtins(argv)
		}
	case *object:
		switch f.name {
		case "FunctionType":
			return &object{function: true}
		case "MethodType":
			if len(argv) > 0 {
				if of, is := argv[0].(*object); is {
					return &object{function: of.function, name: of.name}
				}
			}
		}
	}
	return &object{}
}

// builtins: getattr gives a method by reference; sets have no opcode before protocol 4.
func (f global) builtins(argv tuple) value {
	switch f.name {
	case "getattr":
		return &object{function: true, name: textAt(argv, 1)}
	case "set", "frozenset":
		return set
	case "bytes", "bytearray":
		return raw
	}
	return &object{}
}

// cloudpickles: _make_function makes one, _builtin_type gives a type by its name, and
// _function_setstate(function, (__dict__, state)) says how a function is called.
func (f global) cloudpickles(argv tuple) value {
	switch f.name {
	case "_make_function", "_make_skel_func":
		return &object{function: true}
	case "_builtin_type":
		return &object{name: textAt(argv, 0)}
	case "_function_setstate":
		if len(argv) == 2 {
			setState(argv[0], argv[1])
		}
	}
	return &object{}
}

func setState(of, state value) {
	function, is := of.(*object)
	states, pair := state.(tuple)
	if !is || !function.function || !pair || len(states) != 2 {
		return
	}
	if d, is := states[1].(*dict); is && d.name != "" {
		function.name = d.name
	}
}

func textAt(items tuple, i int) string {
	if i >= len(items) {
		return ""
	}
	t, _ := items[i].(text)
	return string(t)
}
