package strictjson

import (
	"slices"
)

// scanner walks a document once. It keeps the path only for error messages.
type scanner struct {
	doc      []byte
	pos      int
	depth    int
	maxDepth int
	path     []step
}

func (s *scanner) fail(detail string) *Error {
	return &Error{Offset: s.pos, Pointer: pointer(s.path), Detail: detail}
}

// peek returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.doc) {
		return s.doc[s.pos]
	}
	return 0
}

func (s *scanner) space() {
	for s.pos < len(s.doc) {
		switch s.doc[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// end checks that nothing but space follows.
func (s *scanner) end() error {
	s.space()
	if s.pos < len(s.doc) {
		return s.fail("something follows the end of the document")
	}
	return nil
}

func (s *scanner) value() error {
	switch c := s.peek(); {
	case c == '{':
		return s.object(nil)
	case c == '[':
		return s.array(nil)
	case c == '"':
		_, err := s.text()
		return err
	case c == '-' || '0' <= c && c <= '9':
		return s.number()
	default:
		return s.literal()
	}
}

func (s *scanner) enter() error {
	s.pos++
	s.depth++
	if s.depth > s.maxDepth {
		return s.fail("nested too deeply")
	}
	return nil
}

func (s *scanner) object(each func(name string, raw []byte)) error {
	if err := s.enter(); err != nil {
		return err
	}
	seen := names{}
	for first := true; ; first = false {
		s.space()
		if s.peek() == '}' && first {
			break
		}
		if err := s.member(&seen, each); err != nil {
			return err
		}
		s.space()
		if s.peek() == '}' {
			break
		}
		if s.peek() != ',' {
			return s.fail("want , or } after a field")
		}
		s.pos++
	}
	s.pos++
	s.depth--
	return nil
}

func (s *scanner) member(seen *names, each func(name string, raw []byte)) error {
	if s.peek() != '"' {
		return s.fail("want a field's name in double quotes")
	}
	at := s.pos
	name, err := s.name()
	if err != nil {
		return err
	}
	s.path = append(s.path, step{key: name})
	if !seen.add(name) {
		s.pos = at
		e := s.fail("this field stands twice in one object")
		e.Duplicate = true
		return e
	}
	s.space()
	if s.peek() != ':' {
		return s.fail("want : after a field's name")
	}
	s.pos++
	s.space()
	start := s.pos
	if err := s.value(); err != nil {
		return err
	}
	if each != nil {
		each(name, s.doc[start:s.pos])
	}
	s.path = s.path[:len(s.path)-1]
	return nil
}

func (s *scanner) array(each func(raw []byte)) error {
	if err := s.enter(); err != nil {
		return err
	}
	for i := 0; ; i++ {
		s.space()
		if s.peek() == ']' && i == 0 {
			break
		}
		s.path = append(s.path, step{array: true, index: i})
		start := s.pos
		if err := s.value(); err != nil {
			return err
		}
		if each != nil {
			each(s.doc[start:s.pos])
		}
		s.path = s.path[:len(s.path)-1]
		s.space()
		if s.peek() == ']' {
			break
		}
		if s.peek() != ',' {
			return s.fail("want , or ] after an element")
		}
		s.pos++
	}
	s.pos++
	s.depth--
	return nil
}

// names is the set of the field names of one object; small ones need no map.
type names struct {
	few  []string
	many map[string]struct{}
}

const fewNames = 16

// add reports whether the name is new.
func (n *names) add(name string) bool {
	if n.many != nil {
		_, known := n.many[name]
		n.many[name] = struct{}{}
		return !known
	}
	if slices.Contains(n.few, name) {
		return false
	}
	n.few = append(n.few, name)
	if len(n.few) > fewNames {
		n.many = make(map[string]struct{}, 2*len(n.few))
		for _, other := range n.few {
			n.many[other] = struct{}{}
		}
	}
	return true
}
