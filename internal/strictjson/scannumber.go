package strictjson

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
