// Package plain makes text that a job chose fit to be shown in one line.
package plain

import (
	"strings"
	"unicode/utf8"
)

// MaxLine is how long a Line is at most, in bytes.
const MaxLine = 1024

// MaxShort bounds a short result, in bytes.
const MaxShort = 1 << 10

// Line is text without control characters, of at most MaxLine bytes, in valid UTF-8.
func Line(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) <= MaxLine {
		return text
	}
	return First(text, MaxLine-3) + "…"
}

// First is as much of a text as fits into so many bytes, in valid UTF-8.
func First(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= most {
		return text
	}
	for !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
