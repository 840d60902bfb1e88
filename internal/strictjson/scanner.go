package strictjson

import (
	"bytes"
	"encoding/json"
	"slices"
	"unicode/utf8"
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

// text checks a string and returns it as written, with its quotes.
func (s *scanner) text() ([]byte, error) {
	start := s.pos
	for s.pos++; s.pos < len(s.doc); s.pos++ {
		switch c := s.doc[s.pos]; {
		case c == '"':
			s.pos++
			if quoted := s.doc[start:s.pos]; utf8.Valid(quoted) {
				return quoted, nil
			}
			return nil, s.fail("a string is not valid UTF-8")
		case c == '\\':
			if !s.escape() {
				return nil, s.fail("a string has an invalid escape")
			}
		case c < ' ':
			return nil, s.fail("a control character in a string must be escaped")
		}
	}
	return nil, s.fail("the document ends within a string")
}

// escape steps onto the last byte of the escape that starts here.
func (s *scanner) escape() bool {
	s.pos++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			s.pos++
			if !isHex(s.peek()) {
				return false
			}
		}
		return true
	}
	return false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// name reads a field's name and returns it decoded.
func (s *scanner) name() (string, error) {
	quoted, err := s.text()
	if err != nil {
		return "", err
	}
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	var name string
	if err := json.Unmarshal(quoted, &name); err != nil {
		return "", s.fail("a field's name has an invalid escape")
	}
	return name, nil
}

func (s *scanner) number() error {
	if s.peek() == '-' {
		s.pos++
	}
	if s.word() != "" {
		return s.notFinite()
	}
	leadingZero := s.peek() == '0'
	if n := s.digits(); n == 0 || leadingZero && n > 1 {
		return s.fail("not a number")
	}
	if s.peek() == '.' {
		s.pos++
		if s.digits() == 0 {
			return s.fail("want digits after the point")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if s.digits() == 0 {
			return s.fail("want digits in the exponent")
		}
	}
	return nil
}

func (s *scanner) digits() int {
	start := s.pos
	for '0' <= s.peek() && s.peek() <= '9' {
		s.pos++
	}
	return s.pos - start
}

// word returns the letters that follow, without reading over them.
func (s *scanner) word() string {
	end := s.pos
	for end < len(s.doc) && ('a' <= s.doc[end] && s.doc[end] <= 'z' || 'A' <= s.doc[end] && s.doc[end] <= 'Z') {
		end++
	}
	return string(s.doc[s.pos:end])
}

func (s *scanner) literal() error {
	switch w := s.word(); w {
	case "true", "false", "null":
		s.pos += len(w)
		return nil
	case "":
		if s.pos >= len(s.doc) {
			return s.fail("the document ends too early")
		}
		return s.fail("want a value")
	default:
		return s.notFinite()
	}
}

// notFinite refuses a bare word where a value must stand.
func (s *scanner) notFinite() error {
	switch s.word() {
	case "NaN", "nan", "Infinity", "infinity", "inf", "Inf":
		e := s.fail("NaN and infinities are not JSON; send null or a string")
		e.NotFinite = true
		return e
	}
	return s.fail("want a value")
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
