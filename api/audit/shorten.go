package audit

import "unicode/utf8"

const cut = "…"

// shorten halves the first of body, query and path that is long, and reports whether
// one was. The other fields are bounded where they are made.
func (e *Entry) shorten() bool {
	for _, text := range []*string{&e.Body, &e.Query, &e.Path} {
		if len(*text) > 2*len(cut) {
			*text = start(*text, (len(*text)-len(cut))/2) + cut
			return true
		}
	}
	return false
}

// start is at most the first n bytes of a text, without half a character.
func start(text string, n int) string {
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
