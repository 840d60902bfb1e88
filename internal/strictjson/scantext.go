package strictjson

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

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
