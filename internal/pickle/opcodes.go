package pickle

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// stop ends a pickle.
const stop = '.'

// newest is the highest protocol, PEP 574.
const newest = 5

type op func(*machine) error

// opcodes are those of pickletools.opcodes; nil: there is none of that number.
var opcodes = [256]op{
	// what is read and not looked at
	'J': skip(4, number), 'K': skip(1, number), 'M': skip(2, number), 'G': skip(8, number),
	'\x8a': counted(1, number), '\x8b': counted(4, number),
	'B': counted(4, raw), 'C': counted(1, raw), '\x8e': counted(8, raw), '\x96': counted(8, raw),
	'I': line(number), 'L': line(number), 'F': line(number), 'P': line(something),
	'\x82': skip(1, something), '\x83': skip(2, something), '\x84': skip(4, something),
	'\x95': func(m *machine) error { _, err := m.in.take(8); return err }, // a frame's length
	'\x80': func(m *machine) error {
		protocol, err := m.in.byte()
		if err == nil && protocol > newest {
			err = fmt.Errorf("it is of protocol %d, the newest is %d", protocol, newest)
		}
		return err
	},

	// texts
	'X': unicode(4), '\x8c': unicode(1), '\x8d': unicode(8), 'T': unicode(4), 'U': unicode(1),
	'V': textLine, 'S': textLine,

	// constants
	'N': constant(none), '\x88': constant(number), '\x89': constant(number),
	']': constant(list), '\x8f': constant(set), ')': constant(tuple{}), '(': constant(mark{}),
	'}': func(m *machine) error { m.push(&dict{}); return nil },

	// from a mark on
	'l': gather(func([]value) value { return list }), '\x91': gather(func([]value) value { return set }),
	't': gather(newTuple), 'o': gather(func([]value) value { return &object{} }),
	'd': func(m *machine) error {
		items, err := m.popMark()
		if err != nil {
			return err
		}
		pairs := slices.Clone(items) // the dict takes the place of the first
		m.push(&dict{})
		return m.setItems(pairs)
	},
	'e': gatherInto, '\x90': gatherInto, '1': gatherInto,
	'u': func(m *machine) error {
		pairs, err := m.popMark()
		if err != nil {
			return err
		}
		return m.setItems(pairs)
	},
	'i': func(m *machine) error {
		if _, err := m.global(); err != nil {
			return err
		}
		_, err := m.popMark()
		m.push(&object{})
		return err
	},

	// from so many
	'\x85': take(1, newTuple), '\x86': take(2, newTuple), '\x87': take(3, newTuple),
	'R':    take(2, func(v []value) value { return call(v[0], v[1]) }),
	'\x81': take(2, func([]value) value { return &object{} }),
	'\x92': take(3, func([]value) value { return &object{} }),
	'Q':    take(1, func([]value) value { return something }),
	'a':    drop, 'b': drop, '0': drop,
	's': func(m *machine) error {
		pair, err := m.popN(2)
		if err != nil {
			return err
		}
		return m.setItems(pair)
	},

	// names
	'c': func(m *machine) error {
		g, err := m.global()
		m.push(g)
		return err
	},
	'\x93': func(m *machine) error {
		names, err := m.popN(2)
		if err != nil {
			return err
		}
		module, is := names[0].(text)
		name, are := names[1].(text)
		if !is || !are {
			return errors.New("a name is no text")
		}
		m.push(global{string(module), string(name)})
		return nil
	},

	// the memo
	'\x94': func(m *machine) error { return m.remember(uint64(len(m.memo))) },
	'q':    memo(1, (*machine).remember), 'r': memo(4, (*machine).remember), 'p': memoLine((*machine).remember),
	'h': memo(1, (*machine).recall), 'j': memo(4, (*machine).recall), 'g': memoLine((*machine).recall),
	'2': func(m *machine) error {
		v, err := m.top()
		if err == nil {
			m.push(v)
		}
		return err
	},

	// buffers that are sent beside a pickle are not sent here
	'\x97': func(*machine) error { return errors.New("its buffers are not in it") },
	'\x98': func(m *machine) error { _, err := m.top(); return err },
}

func skip(n uint64, of value) op {
	return func(m *machine) error {
		_, err := m.in.take(n)
		m.push(of)
		return err
	}
}

func counted(n uint64, of value) op {
	return func(m *machine) error {
		_, err := m.in.counted(n)
		m.push(of)
		return err
	}
}

func line(of value) op {
	return func(m *machine) error {
		_, err := m.in.line()
		m.push(of)
		return err
	}
}

func unicode(n uint64) op {
	return func(m *machine) error {
		b, err := m.in.counted(n)
		m.push(newText(b))
		return err
	}
}

func textLine(m *machine) error {
	b, err := m.in.line()
	m.push(newText(bytes.Trim(b, `'"`)))
	return err
}

func constant(v value) op {
	return func(m *machine) error { m.push(v); return nil }
}

func gather(into func([]value) value) op {
	return func(m *machine) error {
		items, err := m.popMark()
		if err != nil {
			return err
		}
		m.push(into(items))
		return nil
	}
}

// gatherInto gives items to what is below the mark, which is not looked at.
func gatherInto(m *machine) error {
	_, err := m.popMark()
	return err
}

func take(n int, into func([]value) value) op {
	return func(m *machine) error {
		items, err := m.popN(n)
		if err != nil {
			return err
		}
		m.push(into(items))
		return nil
	}
}

func drop(m *machine) error {
	_, err := m.pop()
	return err
}

func memo(n uint64, do func(*machine, uint64) error) op {
	return func(m *machine) error {
		at, err := m.in.number(n)
		if err != nil {
			return err
		}
		return do(m, at)
	}
}

func memoLine(do func(*machine, uint64) error) op {
	return func(m *machine) error {
		text, err := m.in.line()
		if err != nil {
			return err
		}
		at, err := strconv.ParseUint(string(text), 10, 64)
		if err != nil {
			return errors.New("a number of the memo is none")
		}
		return do(m, at)
	}
}

// global reads a module and a name, a line each.
func (m *machine) global() (global, error) {
	module, err := m.in.line()
	if err != nil {
		return global{}, err
	}
	name, err := m.in.line()
	return global{string(newText(module).(text)), string(newText(name).(text))}, err
}
