package pickle

import (
	"errors"
	"fmt"
	"slices"
)

var (
	errDeep  = fmt.Errorf("it has more than %d objects at once; load what is large within the function", MaxObjects)
	errEmpty = errors.New("it takes objects that are not there")
)

// machine is the state of a walk.
type machine struct {
	in    input
	stack []value
	memo  map[uint64]value
}

// run walks to the end and gives what the pickle is of.
func (m *machine) run() (value, error) {
	for {
		code, err := m.in.byte()
		if err != nil {
			return nil, err
		}
		if code == stop {
			return m.pop()
		}
		do := opcodes[code]
		if do == nil {
			return nil, fmt.Errorf("there is no opcode %#02x, at byte %d", code, m.in.at-1)
		}
		if err := do(m); err != nil {
			return nil, fmt.Errorf("%w, at byte %d", err, m.in.at)
		}
		if len(m.stack)+len(m.memo) > MaxObjects {
			return nil, errDeep
		}
	}
}

func (m *machine) push(v value) { m.stack = append(m.stack, v) }

func (m *machine) pop() (value, error) {
	items, err := m.popN(1)
	if err != nil {
		return nil, err
	}
	return items[0], nil
}

// popN takes the topmost n, which stay valid until something is pushed.
func (m *machine) popN(n int) ([]value, error) {
	from := len(m.stack) - n
	if from < 0 {
		return nil, errEmpty
	}
	items := m.stack[from:]
	m.stack = m.stack[:from]
	return items, nil
}

func (m *machine) top() (value, error) {
	if len(m.stack) == 0 {
		return nil, errEmpty
	}
	return m.stack[len(m.stack)-1], nil
}

// popMark takes all down to the topmost mark, and the mark.
func (m *machine) popMark() ([]value, error) {
	for i, v := range slices.Backward(m.stack) {
		if _, is := v.(mark); is {
			items := m.stack[i+1:]
			m.stack = m.stack[:i]
			return items, nil
		}
	}
	return nil, errors.New("there is no mark")
}

func (m *machine) remember(at uint64) error {
	v, err := m.top()
	if err == nil {
		m.memo[at] = v
	}
	return err
}

func (m *machine) recall(at uint64) error {
	v, known := m.memo[at]
	if !known {
		return errors.New("it refers to what was not there before")
	}
	m.push(v)
	return nil
}

// setItems puts keys and values into the dict on top.
func (m *machine) setItems(pairs []value) error {
	if len(pairs)%2 != 0 {
		return errors.New("a key has no value")
	}
	to, err := m.top()
	if err != nil {
		return err
	}
	d, is := to.(*dict)
	if !is {
		return nil // an object of another type that takes items
	}
	for i := 0; i < len(pairs); i += 2 {
		if name, is := pairs[i+1].(text); is && pairs[i] == value(text("__name__")) {
			d.name = string(name)
		}
	}
	return nil
}
