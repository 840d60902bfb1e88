package gpu

import (
	"strings"
	"unicode"
)

// Printable is a text that others wrote, without what would steer the terminal, the
// log or the page that shows it: control characters, ends of lines, marks that turn
// the direction of writing, and what is no UTF-8 become question marks.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, text)
}
